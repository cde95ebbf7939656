// Both editions of the TypeScript SDK's client against one server, over both transports; prints what each was told.
// node npm_client.cjs FOLDER_OF_PACKAGES URL PROGRAM [ARGUMENT ...]
const { createRequire } = require("node:module");
const [folder, url, command, ...args] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const first = load("@modelcontextprotocol/sdk/client/index.js");
const firstHttp = load("@modelcontextprotocol/sdk/client/streamableHttp.js");
const firstStdio = load("@modelcontextprotocol/sdk/client/stdio.js");
const second = load("@modelcontextprotocol/client");
const secondStdio = load("@modelcontextprotocol/client/stdio");
const program = { command, args, env: process.env, stderr: "ignore" };
const identity = { name: "tests", version: "0" };
const editions = {
  "first edition": [
    () => new first.Client(identity),
    firstHttp.StreamableHTTPClientTransport,
    firstStdio.StdioClientTransport,
  ],
  "second edition": [
    () => new second.Client(identity, { versionNegotiation: { mode: "auto" } }),
    second.StreamableHTTPClientTransport,
    secondStdio.StdioClientTransport,
  ],
};

async function told(client) {
  const found = await client.callTool({ name: "search", arguments: { query: "standby", limit: 1 } });
  const mistaken = await client.callTool({ name: "search", arguments: { q: "x" } });
  const { resourceTemplates } = await client.listResourceTemplates();
  const { contents } = await client.readResource({ uri: "qmd://notes/runbooks/postgres.md" });
  const { messages } = await client.getPrompt({ name: "search_guide", arguments: { question: "why?" } });
  const ref = { type: "ref/resource", uri: resourceTemplates[0].uriTemplate };
  const { completion } = await client.complete({ ref, argument: { name: "path", value: "notes/r" } });
  return {
    server: client.getServerVersion().name,
    tools: (await client.listTools()).tools.map((tool) => tool.name),
    hits: [...found.content[0].text.matchAll(/^\d+\. (\S+):\d/gm)].map((match) => match[1]),
    mistake: [mistaken.isError, mistaken.content[0].text],
    read: contents[0].text.includes("notes/runbooks/postgres.md:"),
    prompt: messages[0].content.text.endsWith("The question: why?"),
    completed: completion.values,
  };
}

async function main() {
  const said = {};
  for (const [edition, [client, Http, Stdio]] of Object.entries(editions)) {
    for (const [transport, connection] of [
      ["streamable HTTP", new Http(new URL(url))],
      ["stdio", new Stdio(program)],
    ]) {
      const connected = client();
      await connected.connect(connection);
      said[`${edition} over ${transport}`] = await told(connected);
      await connected.close();
    }
  }
  process.stdout.write(JSON.stringify(said));
}

main();
