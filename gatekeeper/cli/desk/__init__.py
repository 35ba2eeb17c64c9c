"""Where people's commands are carried out: the project of this folder, or a service over HTTP."""
