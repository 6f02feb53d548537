/**
 * `telnet HOST [PORT]` of inetutils 2.4: whether a port is open. Its standard input is at its end from the start, as with
 * `</dev/null`: it connects, has nothing to send, and goes.
 */

import { runConnection } from '../cluster/index.js';
import { ERRNO_TEXT, type Errno, NS_PER_S, portOfService } from '../kernel/index.js';
import { formatIpv4 } from '../packet/index.js';
import type { Outcome } from '../trace/index.js';
import { getopt, isBadOption } from './getopt.js';
import { resolve, resolveFailure } from './resolve.js';
import { failure, type Tool } from './tool.js';

/** How long connect(2) takes to give up. */
const WAIT_S = 130;
const TELNET_PORT = '23';

const isErrno = (text: string): text is Errno => Object.hasOwn(ERRNO_TEXT, text);

function reasonOf(outcome: Exclude<Outcome, { kind: 'answered' }>): string {
  if (outcome.kind === 'silence') return ERRNO_TEXT.ETIMEDOUT;
  return isErrno(outcome.note) ? ERRNO_TEXT[outcome.note] : outcome.note;
}

export const telnet: Tool = (place, args) => {
  const given = getopt(args, '4');
  if (isBadOption(given)) return failure(64, `telnet: ${given.problem}\nTry 'telnet --help' for more information.`);
  const [name, portText = TELNET_PORT] = given.rest;
  if (name === undefined) return failure(2, 'telnet: only telnet HOST [PORT] is offered here: nobody types');
  const port = /^\d+$/.test(portText) ? Number(portText) : portOfService(portText, 'tcp');
  const resolved = resolve(place, name, 'telnet');
  if (resolved.kind === 'failed' || port === undefined || port < 1 || port > 65_535) {
    const why = resolved.kind === 'failed' ? resolveFailure(resolved.why) : 'Servname not supported for ai_socktype';
    return { exitCode: 1, stdout: `Server lookup failure:  ${name}:${portText}, ${why}\n`, stderr: '' };
  }
  const { netns } = place;
  const destination = resolved.address;
  const outcome = runConnection({ netns, destination, port, protocol: 'tcp', timeoutNs: WAIT_S * NS_PER_S });
  const trying = `Trying ${formatIpv4(destination)}...\n`;
  if (outcome.kind !== 'answered')
    return failure(1, `telnet: Unable to connect to remote host: ${reasonOf(outcome)}`, trying);
  return {
    exitCode: 0,
    stdout: `${trying}Connected to ${name}.\nEscape character is '^]'.\n`,
    stderr: 'Connection closed by foreign host.\n',
  };
};
