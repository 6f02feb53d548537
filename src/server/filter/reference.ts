/** The display filter's reference, made of its own tables: Markdown, for the API's document. */

import type { StreamKind } from '../stream/messages.js';
import { FIELDS, PROTOCOLS } from './fields.js';

const LANGUAGE = `A filter is a small language after Wireshark's. An empty one lets everything through.

    tcp.port == 80 && pod == shop/web-*
    service == shop/web and verdict != answered
    host == node2 && event in {rules-rewritten, route-learned}
    (ip.dst == 10.96.0.0/12 or udp.port in {53, 5353..5355}) and not interface == cali*

- A field alone asks whether it is there, of a flag whether it is set. A protocol's name is true of what has such a header.
- \`==\` \`!=\` \`===\` \`!==\` \`<\` \`>\` \`<=\` \`>=\`, or \`eq\` \`ne\` \`all_eq\` \`any_ne\` \`lt\` \`gt\` \`le\` \`ge\`; \`in {value, first..last}\` and
  \`not in\`; \`contains text\` for names.
- Numbers are decimal, \`0x50\`, \`0b1010000\`, or octal with a zero before them; one that a field of so many bits cannot hold is a mistake.
- \`&&\` \`||\` \`!\`, or \`and\` \`or\` \`not\`; brackets.
- A field may have several values: of outer and inner headers, of all that a trace passed, of all of its branches. A comparison is
  true where it is of any of them, \`!=\` where there are values and none of them is equal, \`===\` where all are equal, \`!==\` where any is not.
- An ICMP error has the headers of the packet that it quotes, too.
- In names \`*\` stands for any characters, and small and capital letters are one. Names with blanks are quoted: \`"NetworkPolicy shop/deny"\`.
- Addresses may be prefixes: \`ip.addr == 10.244.0.0/16\`.
- A field that none of the streams has is a mistake (\`bad-filter\`, with the character where it stands). Of several streams, one that has not
  the field has no value of it.`;

const listed = (kinds: readonly StreamKind[]): string => kinds.join(', ');

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const fieldTable = (): string =>
  [
    row(['field', 'type', 'what', 'streams']),
    row(['---', '---', '---', '---']),
    ...[...FIELDS].map(([name, { type, about, kinds }]) => row([`\`${name}\``, type, about, listed(kinds)])),
  ].join('\n');

const protocolTable = (): string =>
  [
    row(['protocol', 'streams']),
    row(['---', '---']),
    ...Object.entries(PROTOCOLS).map(([name, kinds]) => row([`\`${name}\``, listed(kinds)])),
  ].join('\n');

export const filterReference = (): string => [LANGUAGE, fieldTable(), protocolTable()].join('\n\n');
