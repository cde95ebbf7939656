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
    *("service[-_]account*.json", "client_secret*.json", ".bash_history", ".zsh_history"),
)
"""Names of files that hold passwords, tokens or private keys, as patterns for a name in lower case."""

_TEMPLATE = re.compile(r".*\.(?:example|sample|template|tmpl|dist|defaults?)")
"""A template such as `.env.example` is no secret: it names the variables without their values, and an agent needs it to
know which variables there are."""

_ABOUT_SECRETS = re.compile(r"(?:credentials|secrets?)[^/]*\.(?:md|markdown|mdx|rst|html?|adoc)")
"""A page such as `secrets.md` is no secret: every larger documentation has one that explains how to handle them. A file
such as `secrets.py` is one, because it often enough contains them."""

_SECRET = re.compile("|".join(fnmatch.translate(pattern) for pattern in SECRETS))


def is_secret(name: str) -> bool:
    """Whether the name of a file says that it holds a secret."""
    lower = name.lower()
    return bool(_SECRET.match(lower)) and not (_TEMPLATE.fullmatch(lower) or _ABOUT_SECRETS.fullmatch(lower))
