/** What the client makes of a line before the daemon hears it (client/commands.c: cmd_expand()): words may be cut short. */

/** Commands of BIRD 2 that the client knows (CF_CLI); whatever follows them is the daemon's matter. */
const COMMANDS = `configure; configure check; configure confirm; configure soft; configure status; configure undo; debug;
disable; down; dump attributes; dump events; dump filter all; dump interfaces; dump neighbors; dump protocols;
dump resources; dump routes; dump sockets; echo; enable; eval; exit; graceful restart; help; mrt dump; mrtdump; quit;
reload; reload in; reload out; restart; restrict; show babel entries; show babel interfaces; show babel neighbors;
show babel routes; show bfd sessions; show interfaces; show interfaces summary; show memory; show ospf; show ospf interface;
show ospf lsadb; show ospf neighbors; show ospf state; show ospf topology; show protocols; show protocols all;
show rip interfaces; show rip neighbors; show route; show static; show status; show symbols`;

interface Node {
  readonly name: string;
  readonly children: Node[];
  isCommand: boolean;
}

function tree(): Node {
  const root: Node = { name: '', children: [], isCommand: false };
  for (const command of COMMANDS.split(/;\s*/)) {
    let node = root;
    for (const word of command.split(' ')) {
      let child = node.children.find(({ name }) => name === word);
      if (child === undefined) node.children.push((child = { name: word, children: [], isCommand: false }));
      node = child;
    }
    node.isCommand = true;
  }
  return root;
}

const ROOT = tree();

/** cmd_find_abbrev(): the word itself, or the only one that begins so; RIP gives way to others. */
function matching({ children }: Node, word: string): readonly Node[] {
  const exact = children.find(({ name }) => name === word);
  if (exact !== undefined) return [exact];
  const found = children.filter(({ name }) => name.startsWith(word));
  const others = found.filter(({ name }) => name !== 'rip');
  return others.length > 0 ? others : found;
}

export interface Expanded {
  /** What the daemon is told. */
  readonly command?: string;
  /** What the client says instead. */
  readonly refusal?: readonly string[];
}

/**
 * The command with its words in full, or what the client says of one that there is not. Differs: possible expansions are
 * named without their help.
 */
export function expandCommand(line: string): Expanded {
  let node = ROOT;
  let rest = line.trim();
  const words: string[] = [];
  while (rest !== '') {
    const [word = ''] = rest.split(/\s/, 1);
    const found = matching(node, word);
    const [only] = found;
    if (found.length > 1) {
      const names = found.map(({ name }) => [...words, name].join(' '));
      return { refusal: ['Ambiguous command, possible expansions are:', ...names] };
    }
    if (only === undefined) break;
    node = only;
    words.push(node.name);
    rest = rest.slice(word.length).trimStart();
  }
  if (!node.isCommand) return { refusal: ["No such command. Press `?' for help."] };
  return { command: [...words, rest].join(' ').trim() };
}
