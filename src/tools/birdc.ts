/** `birdc`, and `birdcl` as Calico's image has it: commands to the BIRD that runs on the machine. */

import { failure, ok, type Tool } from './tool.js';

/** Options before the command; of a socket's path nothing depends here: a machine has one daemon. */
const WITH_VALUE = new Set(['-s']);
const ALONE = new Set(['-v', '-r']);

/** bird6 has a socket of its own. */
const IPV6_SOCKET = /bird6\.ctl$/;

export const birdc: Tool = ({ cluster, netns }, args) => {
  let at = 0;
  let socket = '';
  for (let word = args[at]; word !== undefined && (WITH_VALUE.has(word) || ALONE.has(word)); word = args[at]) {
    if (WITH_VALUE.has(word)) socket = args[at + 1] ?? '';
    at += WITH_VALUE.has(word) ? 2 : 1;
  }
  const command = args.slice(at).join(' ');
  if (command === '') return failure(1, 'birdc: wants a command here, such as show protocols');
  if (IPV6_SOCKET.test(socket)) return failure(1, 'birdc: IPv6 sessions are not modelled yet');
  const answer = netns.name === '' ? cluster.routing?.birdc(netns.host, command) : undefined;
  return answer === undefined
    ? failure(1, 'Unable to connect to server control socket (/run/bird/bird.ctl): No such file or directory')
    : ok(answer);
};
