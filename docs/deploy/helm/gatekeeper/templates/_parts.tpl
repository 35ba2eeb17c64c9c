{{- /* Parts that every pod shares. */ -}}

{{- define "gatekeeper.labels" -}}
app.kubernetes.io/name: gatekeeper
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "gatekeeper.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest | quote }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository .Values.image.tag | quote }}
{{- end -}}
{{- end }}

{{- define "gatekeeper.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "gatekeeper.container" -}}
image: {{ include "gatekeeper.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "gatekeeper.tracking" -}}
{{- if .Values.trackingUri -}}
{{ .Values.trackingUri | quote }}
{{- else if .Values.mlflow.enabled -}}
{{ printf "http://%s-mlflow:5000" .Release.Name | quote }}
{{- else -}}
{{ fail "Set trackingUri, or mlflow.enabled." }}
{{- end -}}
{{- end }}

{{- define "gatekeeper.environment" -}}
- name: GATEKEEPER_DATABASE_URL_FILE
  value: /run/secrets/database/url
- name: GATEKEEPER_TRACKING_URI
  value: {{ include "gatekeeper.tracking" . }}
- name: GATEKEEPER_TRUST
  value: /srv/public/trust.toml
- name: GATEKEEPER_CACHE_DIR
  value: /srv/cache
- name: GATEKEEPER_KEYS_DIR
  value: /tmp/keys
- name: GATEKEEPER_ACTOR
  value: {{ .Values.actor | quote }}
- name: GATEKEEPER_RUNTIME
  value: queue
- name: GATEKEEPER_WITNESSES
  value: {{ .Values.witnesses | toJson | quote }}
- name: GATEKEEPER_TRACES
  value: {{ .Values.traces | quote }}
{{- end }}

{{- define "gatekeeper.mounts" -}}
- {name: project, mountPath: /srv/project}
- {name: public, mountPath: /srv/public}
- {name: cache, mountPath: /srv/cache}
- {name: tmp, mountPath: /tmp}
- {name: database, mountPath: /run/secrets/database, readOnly: true}
{{- end }}

{{- define "gatekeeper.volumes" -}}
- name: project
  persistentVolumeClaim:
    claimName: {{ .Release.Name }}-project
- name: public
  persistentVolumeClaim:
    claimName: {{ .Release.Name }}-public
- name: cache
  persistentVolumeClaim:
    claimName: {{ .Release.Name }}-cache
- name: tmp
  emptyDir:
    sizeLimit: 10Gi
- name: database
  secret:
    secretName: {{ .Values.secrets.database | quote }}
    defaultMode: 0440
{{- end }}
