"""Configures nginx and fcgiwrap for `git http-backend` (git-http-backend(1), EXAMPLES)."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template

from tests.servers.tls import Tls

# One worker, so that the log is in the order of the answers. The header Git-Protocol makes it protocol v2.
_CONFIG = Template("""\
daemon off; worker_processes 1; pid $folder/pid; error_log $folder/error.log; $user
events { worker_connections 256; }
http {
  log_format requests '$$request_method $$request_uri $$status $$request_length $$bytes_sent $$connection $$remote_user';
  access_log $folder/access.log requests;
  client_body_temp_path $folder/body; proxy_temp_path $folder/proxy; fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi; scgi_temp_path $folder/scgi;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:$port ssl;
    ssl_certificate $certificate; ssl_certificate_key $key;
    location /sync/ { return 404; }
    location ~ ^/.*\\.git/ {
      auth_basic "git"; auth_basic_user_file $folder/htpasswd;
      gzip off; fastcgi_buffering off;
      fastcgi_param SCRIPT_FILENAME $backend;
      fastcgi_param GIT_PROJECT_ROOT $repositories; fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param PATH_INFO $$uri; fastcgi_param QUERY_STRING $$query_string;
      fastcgi_param REQUEST_METHOD $$request_method; fastcgi_param CONTENT_TYPE $$content_type;
      fastcgi_param CONTENT_LENGTH $$content_length; fastcgi_param REMOTE_USER $$remote_user;
      fastcgi_param REMOTE_ADDR $$remote_addr; fastcgi_param HTTP_GIT_PROTOCOL $$http_git_protocol;
      fastcgi_param HTTP_CONTENT_ENCODING $$http_content_encoding;
      fastcgi_param GIT_CONFIG_GLOBAL $gitconfig; fastcgi_param HOME $folder;
      fastcgi_pass unix:$folder/fcgi.sock;
    }
    location / { return 404; }
  }
}
""")


@cache
def backend() -> Path:
    done = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()) / "git-http-backend"


def write_config(
    folder: Path, *, port: int, tls: Tls, users: Mapping[str, str], repositories: Path, gitconfig: Path
) -> Path:
    """Write nginx.conf and the password file into a new folder; return the former."""
    folder.mkdir()
    (folder / "access.log").touch()
    (folder / "htpasswd").write_text("".join(f"{name}:{_hashed(word)}\n" for name, word in users.items()))
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.substitute(
            folder=folder,
            user="user root;" if os.geteuid() == 0 else "",
            port=port,
            certificate=tls.certificate,
            key=tls.key,
            backend=backend(),
            repositories=repositories,
            gitconfig=gitconfig,
        )
    )
    return config


def _hashed(password: str) -> str:
    """RFC 2307 {SHA}, which nginx knows: one fast hash for each request of a test."""
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
