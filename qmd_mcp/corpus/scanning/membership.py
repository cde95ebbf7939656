"""What belongs to a collection, and what is left out of every collection."""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError

from qmd_mcp.corpus.scanning.globs import compile_globs, expand_globs
from qmd_mcp.domain.documents import Collection
from qmd_mcp.errors import CollectionError

SkipReason: TypeAlias = Literal[
    "binary",
    "empty",
    "link out of the collection",
    "name is not UTF-8",
    "not decodable",
    "same name as another file",
    "secret by its name",
    "too large",
    "unreadable",
]
"""Why a file was left out; fixed, since status counts by it."""

DEFAULT_GLOBS = (
    "**/*.{md,markdown,mdx,mdc,mkd,qmd,rmd}",
    "**/*.{rst,rest,txt,text,adoc,asciidoc,org,tex,typ,wiki,textile,pod,vtt,srt}",
    "**/*.{html,htm,xhtml}",
    "**/*.{py,pyi,pyx,js,mjs,cjs,jsx,ts,mts,cts,tsx,vue,svelte,astro,css,scss,sass,less,c,h,cc,cpp,cxx,hh,hpp,hxx}",
    "**/*.{cu,cuh,m,mm,java,kt,kts,scala,groovy,gradle,clj,cljs,cs,fs,vb,go,rs,zig,nim,d,swift,dart,rb,php,pl,pm}",
    "**/*.{lua,r,jl,hs,ml,mli,elm,ex,exs,erl,hrl,lisp,el,scm,rkt,sh,bash,zsh,fish,ps1,bat,cmd,sql,graphql,gql}",
    "**/*.{proto,thrift,tf,hcl,nix,cmake,mk,sol,asm,s,v,sv,vhd,vim,awk}",
    "**/*.{json,json5,jsonc,toml,yaml,yml,ini,cfg,conf,properties}",
    "**/{makefile,dockerfile,containerfile,justfile,jenkinsfile,gemfile,procfile,.editorconfig}",
    "**/{readme,changelog,changes,contributing,authors,notice,todo,install,hacking}",
)
"""Text that people write: notes, documentation, code and configuration. No csv, log, xml or svg: they are data, and
one such file would bury a folder of notes."""

DEFAULT_IGNORES = (
    *(".git/", ".hg/", ".svn/", ".jj/", ".bzr/", "CVS/"),  # history: copies of what is there anyway
    *("node_modules/", "bower_components/", "jspm_packages/", "site-packages/", "vendor/", "Pods/"),  # others' code
    *(".venv/", "venv/", ".tox/", ".nox/", ".eggs/", ".direnv/", ".bundle/", ".yarn/", ".pnpm-store/"),
    *("build/", "dist/", "target/", "__pycache__/", ".next/", ".nuxt/", ".output/"),  # made from sources
    *(".svelte-kit/", ".astro/", ".docusaurus/", ".gradle/", ".dart_tool/", "DerivedData/", ".terraform/"),
    *(".cache/", ".parcel-cache/", ".turbo/", ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/"),
    *(".ipynb_checkpoints/", "htmlcov/", ".nyc_output/"),
    *(".qmd-mcp/", ".qmd/"),  # indexes
    *(".obsidian/", ".trash/", ".Trash/", ".logseq/", ".idea/", ".vs/"),  # an application's state, deleted notes
    *("*.min.js", "*.min.css", "*.bundle.js", "*.chunk.js"),  # for machines
    *("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "packages.lock.json", "Package.resolved"),
)
"""Folders (with a slash) and files left out by their name at any depth; a glob that spells one of them out (`dist/**`)
brings it back, and so does an ignore such as `!dist/`. Other hidden folders are part of a collection, since agents'
documents live in `.github/` and `.claude/`."""

SECRET_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".kube", ".password-store"})

SECRETS = (
    *(".env", ".env.*", "*.env", ".envrc", "*.pem", "*.key", "*.ppk", "*.p12", "*.pfx", "*.jks", "*.keystore"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.kdbx", "*.kdb", "*.agekey", "*.tfstate*", "*.tfvars"),
    *(".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".htpasswd", ".git-credentials", ".dockercfg"),
    *("credentials*", "secrets", "secrets.*", "secret.*", "*.secret", "*.secrets", "kubeconfig", ".vault-token"),
    *("service[-_]account*.json", "client_secret*.json", ".bash_history", ".zsh_history"),
)
"""File names that hold passwords, tokens or private keys; compared in lower case."""

_TEMPLATE = re.compile(r".*\.(?:example|sample|template|tmpl|dist|defaults?)")
"""`.env.example` names the variables without their values: what an agent needs to know."""

_ABOUT_SECRETS = re.compile(r"(?:credentials|secrets?)[^/]*\.(?:md|markdown|mdx|rst|html?|adoc)")
"""`secrets.md` is the page about them in every larger documentation; `secrets.py` often enough holds them."""

_SECRET = re.compile("|".join(fnmatch.translate(pattern) for pattern in SECRETS))

_LONGEST_NAME = 64
_SIMPLE = re.compile(r"\*\*/(?:\*\.(?P<suffix>[^*?\[\]/.]+)|(?P<name>[^*?\[\]/]+))")


@dataclass(frozen=True, slots=True)
class Membership:
    """The globs and ignores of a collection, compiled: what its paths say about themselves."""

    suffixes: frozenset[str]
    names: frozenset[str]
    """Globs of the form `**/*.suffix` and `**/name` are looked up; only the others are matched."""
    others: re.Pattern[str] | None
    ignored_folders: frozenset[str]
    ignored_files: re.Pattern[str] | None
    ignores: GitIgnoreSpec
    """The collection's own, which overrule every default and `.gitignore`."""

    @classmethod
    def of(cls, collection: Collection) -> Membership:
        """Compile what a collection says.

        Raises:
            CollectionError: a glob or an ignore cannot be used.
        """
        globs = expand_globs(collection.globs)
        simple = [match for glob in globs if (match := _SIMPLE.fullmatch(glob))]
        spelled = {segment for glob in globs for segment in glob.split("/")}
        spelled |= {ignore[1:].strip("/") for ignore in collection.ignores if ignore.startswith("!")}
        ignored = [ignore for ignore in DEFAULT_IGNORES if ignore.rstrip("/") not in spelled]
        ignored_files = [fnmatch.translate(ignore) for ignore in ignored if not ignore.endswith("/")]
        return cls(
            suffixes=frozenset(match["suffix"].lower() for match in simple if match["suffix"]),
            names=frozenset(match["name"].lower() for match in simple if match["name"]),
            others=compile_globs([glob for glob in globs if not _SIMPLE.fullmatch(glob)]),
            ignored_folders=frozenset(ignore[:-1] for ignore in ignored if ignore.endswith("/")),
            ignored_files=re.compile("|".join(ignored_files)) if ignored_files else None,
            ignores=check_ignores(collection.ignores),
        )

    def selects(self, path: str, *, name: str) -> bool:
        """Whether a glob takes a file and no default leaves it out; letters' case does not matter to globs."""
        lower = name.lower()
        _, dot, suffix = lower.rpartition(".")
        taken = (
            (dot and suffix in self.suffixes)
            or lower in self.names
            or (self.others is not None and self.others.fullmatch(path) is not None)
        )
        return bool(taken) and not (self.ignored_files is not None and self.ignored_files.match(name))


def is_secret(name: str) -> bool:
    """Whether a file's name says that it holds a secret."""
    lower = name.lower()
    return bool(_SECRET.match(lower)) and not (_TEMPLATE.fullmatch(lower) or _ABOUT_SECRETS.fullmatch(lower))


def check_name(name: str) -> str:
    """The name of a collection in NFC.

    Raises:
        CollectionError: it cannot stand in a URI, in a path or after a flag.
    """
    normal = unicodedata.normalize("NFC", name)
    kinds = [unicodedata.category(character)[0] for character in normal]
    fits = 0 < len(normal) <= _LONGEST_NAME and kinds[0] in "LN"
    if not fits or any(kind not in "LNM" and sign not in "._-" for kind, sign in zip(kinds, normal, strict=True)):
        sentence = (
            f"{name!r} cannot name a collection: take a letter or digit, "
            f"then letters, digits, '.', '_' or '-', {_LONGEST_NAME} at most."
        )
        raise CollectionError(sentence)
    return normal


def check_globs(globs: Iterable[str]) -> tuple[str, ...]:
    """Globs as they were written, without blanks around them; the defaults where there is none.

    Raises:
        CollectionError: one of them cannot be used.
    """
    checked = tuple(unicodedata.normalize("NFC", glob.strip()) for glob in globs)
    compile_globs(expand_globs(checked))
    return checked or DEFAULT_GLOBS


def check_ignores(ignores: Iterable[str]) -> GitIgnoreSpec:
    """Patterns as in `.gitignore`, compiled.

    Raises:
        CollectionError: one of them cannot be used.
    """
    try:
        return GitIgnoreSpec.from_lines(ignores)
    except (GitIgnorePatternError, re.error) as error:
        sentence = f"An ignore cannot be used: {error}."
        raise CollectionError(sentence) from error
