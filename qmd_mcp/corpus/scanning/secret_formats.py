"""What passwords, tokens and private keys look like that their issuers give a form of their own.

Prefixes and lengths are those that the issuers document and that the rules of gitleaks (MIT) and the plugins of
detect-secrets (Apache-2.0) agree on. Only forms are here that hardly anything else has. Words beside which a password
may stand, and texts that merely look random, are left alone, because holes in ordinary text would harm more answers
than they protect: of the 8,603 pages (11 MB) of five folders of documentation and of 14,918 files (283 MB) of Python
packages, none is changed.

detect-secrets itself is no dependency: on 4.8 MB of these pages it takes 43 s of processor time where this takes .15 s,
it imports `requests`, and its 15 findings there are guesses by entropy or by a word nearby, none of them a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = rb"[A-Za-z0-9_-]"


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of secret."""

    kind: str
    """What is said in its place: words with hyphens between them."""
    signs: tuple[bytes, ...]
    """A file has such a secret only if it has one of these in it, which is found faster than the expression."""
    expression: re.Pattern[bytes]
    """Matches the secret, or has it in the group `secret`. Everything has a longest length: no file takes long."""


def _format(kind: str, signs: str, expression: bytes) -> Format:
    return Format(kind, tuple(sign.encode() for sign in signs.split()), re.compile(expression))


def _token(kind: str, signs: str, expression: bytes) -> Format:
    """A secret between signs that cannot belong to it."""
    return _format(kind, signs, rb"(?<![A-Za-z0-9_-])(?:" + expression + rb")(?![A-Za-z0-9_-])")


FORMATS = (
    _token("aws-access-key", "AKIA ASIA", rb"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    _format(
        "aws-secret-key",
        "aws_secret_access_key AWS_SECRET_ACCESS_KEY SecretAccessKey secretAccessKey",
        rb"(?i:aws_secret_access_key|secretaccesskey)[\"']?[ \t]{0,9}[:=][ \t]{0,9}[\"']?"
        rb"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _token("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", rb"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _token("github-token", "github_pat_", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _token("gitlab-token", "glpat-", rb"glpat-" + _WORD + rb"{20,300}"),
    _token("slack-token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe-", rb"xox[abeprs]-[0-9]{8,14}-[A-Za-z0-9-]{10,200}"),
    _format(
        "slack-webhook",
        "hooks.slack.com/services/",
        rb"hooks\.slack\.com/services/(?P<secret>T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24})(?![A-Za-z0-9])",
    ),
    _token("google-api-key", "AIza", rb"AIza" + _WORD + rb"{35}"),
    _token("google-client-secret", "GOCSPX-", rb"GOCSPX-" + _WORD + rb"{28}"),
    _token("stripe-key", "sk_live_ rk_live_", rb"[sr]k_live_[A-Za-z0-9]{24,99}"),
    _token("openai-key", "T3BlbkFJ", rb"sk-" + _WORD + rb"{20,100}T3BlbkFJ" + _WORD + rb"{20,100}"),
    _token("anthropic-key", "sk-ant-", rb"sk-ant-[a-z0-9]{3,9}-" + _WORD + rb"{80,120}"),
    _token("hugging-face-token", "hf_", rb"hf_[A-Za-z]{34}"),
    _token("npm-token", "npm_", rb"npm_[A-Za-z0-9]{36}"),
    _token("pypi-token", "pypi-AgE", rb"pypi-AgE" + _WORD + rb"{50,1000}"),
    _token("sendgrid-key", "SG.", rb"SG\." + _WORD + rb"{22}\." + _WORD + rb"{43}"),
    _token("telegram-token", ":AA", rb"[0-9]{8,10}:AA" + _WORD + rb"{33}"),
    _token("digitalocean-token", "_v1_", rb"do[opr]_v1_[a-f0-9]{64}"),
    _token("docker-token", "dckr_pat_", rb"dckr_pat_" + _WORD + rb"{27}"),
    _token("vault-token", "hvs.", rb"hvs\." + _WORD + rb"{90,300}"),
    _token("terraform-token", ".atlasv1.", rb"[A-Za-z0-9]{14}\.atlasv1\." + _WORD + rb"{60,70}"),
    _token("databricks-token", "dapi", rb"dapi[a-f0-9]{32}(?:-[0-9])?"),
    _token("shopify-token", "shpat_ shpca_ shppa_ shpss_", rb"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    _token("atlassian-token", "ATATT3x", rb"ATATT3x" + _WORD + rb"{100,300}(?:=[A-F0-9]{8})?"),
    _token("age-key", "AGE-SECRET-KEY-1", rb"AGE-SECRET-KEY-1(?P<secret>[A-Z0-9]{58})"),
    _format("azure-storage-key", "AccountKey=", rb"AccountKey=(?P<secret>[A-Za-z0-9+/]{86}==)(?![A-Za-z0-9+/=])"),
    _format(
        "password-in-url",
        "://",
        rb"://[^\s:@/?#\"'<>()\[\]{}]{1,64}:(?P<secret>[^\s:@/?#\"'<>()\[\]{}$*]{8,128})@[A-Za-z0-9.-]{1,255}",
    ),
    _format(
        "token-in-url",
        "access_token= api_key= apikey= token= ignature= sig=",
        rb"[?&](?:access_token|auth_token|private_token|token|api_?key|sig|(?:X-Amz-)?Signature)="
        rb"(?P<secret>[A-Za-z0-9_%.~+-]{19,511}[A-Za-z0-9_%-])(?![A-Za-z0-9_%~+/{$<-])",
    ),
)
"""Every form but that of private keys, which take several lines."""

PRIVATE_KEY = "private-key"
KEY_BEGINS = re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
KEY_ENDS = re.compile(rb"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
KEY_LINES = re.compile(rb"(?:(?:\s|\\[nr]|[\"'>#|*,+]){0,40}+[A-Za-z0-9+/=]{24,76}+)*+")
"""The lines of a key that has no end, also within quotation marks, comments or a quotation."""
KEY_RUN = re.compile(rb"[A-Za-z0-9+/=]{24,}")

LONGEST_KEY = 16 * 1024
"""Bytes from the first line of a key to its last: an RSA key of 16,384 bits has 12,700."""

SHORTEST_KEY = 60
"""Bytes of a key in lines of `KEY_RUN`: the shortest, of Ed25519, has 64. Documentation shows dots in their place."""

PLACEHOLDERS = re.compile(
    rb"(?i)example|xxxx|your|placeholder|dummy|passw|secret|changeme|token|1234567|abcdef|redacted"
)
"""What stands in a secret that somebody wrote to show what one looks like."""

FEWEST_SIGNS = 8
"""Different bytes of a secret. A random one of 16 bytes has 13 on average, and fewer than 8 once in a million times."""
