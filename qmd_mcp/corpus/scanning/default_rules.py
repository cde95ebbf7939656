"""The globs and ignores that hold for every collection until it says otherwise."""

from __future__ import annotations

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
"""Text that people write: notes, documentation, code and configuration. csv, log, xml and svg files are left out: they
hold data, and the passages of one such file would outnumber those of a whole folder of notes."""

DEFAULT_IGNORES = (
    *(".git/", ".hg/", ".svn/", ".jj/", ".bzr/", "CVS/"),  # version history: copies of files that are indexed anyway
    *("node_modules/", "bower_components/", "jspm_packages/", "site-packages/", "vendor/", "Pods/"),  # dependencies
    *(".venv/", "venv/", ".tox/", ".nox/", ".eggs/", ".direnv/", ".bundle/", ".yarn/", ".pnpm-store/"),
    *("build/", "dist/", "target/", "__pycache__/", ".next/", ".nuxt/", ".output/"),  # generated from the sources
    *(".svelte-kit/", ".astro/", ".docusaurus/", ".gradle/", ".dart_tool/", "DerivedData/", ".terraform/"),
    *(".cache/", ".parcel-cache/", ".turbo/", ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/"),
    *(".ipynb_checkpoints/", "htmlcov/", ".nyc_output/"),
    *(".qmd-mcp/", ".qmd/"),  # indexes
    *(".obsidian/", ".trash/", ".Trash/", ".logseq/", ".idea/", ".vs/"),  # applications' state, deleted notes
    *("*.min.js", "*.min.css", "*.bundle.js", "*.chunk.js"),  # minified code, which nobody reads
    *("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "packages.lock.json", "Package.resolved"),  # locks
)
"""Names of folders (with a slash at the end) and of files that are left out at any depth. A glob that contains such a
name (`dist/**`) takes it back into the collection, and so does an ignore such as `!dist/`. Hidden folders that are not
listed here belong to a collection, because documents for agents lie in `.github/` and `.claude/`."""

INDEX_TABLE = "metadata.lance"
"""A folder with this in it is an index of this program. It is left out: each update would change what the next one has
to index."""
