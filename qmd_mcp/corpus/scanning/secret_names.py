"""Names of files and folders that hold secrets; nothing with such a name is ever indexed or read."""

from __future__ import annotations

import fnmatch
import re

SECRET_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".kube", ".password-store"})
"""Folders that are left out with everything in them."""

SECRETS = (
    *(".env", ".env.*", "*.env", ".envrc", "*.pem", "*.key", "*.ppk", "*.p12", "*.pfx", "*.jks", "*.keystore"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.kdbx", "*.kdb", "*.agekey", "*.tfstate*", "*.tfvars"),
    *(".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".htpasswd", ".git-credentials", ".dockercfg"),
    *("credentials*", "secrets", "secrets.*", "secret.*", "*.secret", "*.secrets", "kubeconfig", ".vault-token"),
    *("service[-_]account*.json", "client_secret*.json", ".credentials*", "oauth_creds.json", "rclone.conf"),
    *(".databrickscfg", ".boto", ".s3cfg", ".mylogin.cnf", ".rediscli_auth", ".kaggle.json"),
    *(".bash_history", ".zsh_history", ".python_history", ".node_repl_history", ".psql_history", ".mysql_history"),
)
"""Names of files that hold passwords, tokens or private keys, as patterns for a name in lower case."""

PLACES = frozenset(
    (
        *(".docker/config.json", "gh/hosts.yml", "glab-cli/config.yml", "doctl/config.yaml", ".fly/config.yml"),
        *(".azure/accesstokens.json", ".azure/msal_token_cache.json", "gcloud/application_default_credentials.json"),
        *(".m2/settings.xml", ".m2/settings-security.xml", ".gradle/gradle.properties", ".codex/auth.json"),
        *(".composer/auth.json", "composer/auth.json", "github-copilot/hosts.json", "github-copilot/apps.json"),
        *("containers/auth.json", "hub/config", ".config/hub", "hcloud/cli.toml", ".huggingface/token"),
    )
)
"""Where programs keep tokens in a file with an ordinary name: the last two names of a path, in lower case."""

_TEMPLATE = re.compile(r".*\.(?:example|sample|template|tmpl|dist|defaults?)")
"""A template such as `.env.example` is no secret: it names the variables without their values, and an agent needs it to
know which variables there are."""

_ABOUT_SECRETS = re.compile(r"(?:credentials|secrets?)[^/]*\.(?:md|markdown|mdx|rst|html?|adoc)")
"""A page such as `secrets.md` is no secret: every larger documentation has one that explains how to handle them. A file
such as `secrets.py` is one, because it often enough contains them."""

_SECRET = re.compile("|".join(fnmatch.translate(pattern) for pattern in SECRETS))


def is_secret(path: str) -> bool:
    """Whether the name of a file, or the place in which a program keeps it, says that it holds a secret."""
    lower = path.lower()
    folder, _, name = lower.rpartition("/")
    if _SECRET.match(name):
        return not (_TEMPLATE.fullmatch(name) or _ABOUT_SECRETS.fullmatch(name))
    return bool(folder) and f"{folder[folder.rfind('/') + 1 :]}/{name}" in PLACES
