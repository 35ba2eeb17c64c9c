import http from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [home, redirect, leave] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(createRequire(`${home}/package.json`).resolve("oidc-provider")));
const server = http.createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "gate keeper",
        client_secret: "s+cret/%",
        redirect_uris: [redirect],
        post_logout_redirect_uris: [leave],
      },
    ],
    cookies: { keys: ["only a test"] },
    pkce: { required: () => true },
  });
  server.on("request", provider.callback());
  process.stdout.write(`${issuer}\n`);
});
