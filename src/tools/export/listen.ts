/** What listens in an exported namespace: a small server in Python, which every Linux machine has. */

import type { ListenerState } from '../../kernel/index.js';
import { formatIpv4 } from '../../packet/index.js';

const TCP_AND_UDP =
  "    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM)";
/** A kernel may have no SCTP; its streams are used as those of TCP are. */
const AND_SCTP = `    if protocol == 'sctp':
        try: server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        except OSError as error:
            print(argument, error, file=sys.stderr)
            continue
        protocol = 'tcp'
    else: server = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM)`;

/** Echoes what it gets, on `PROTOCOL:ADDRESS:PORT` for each of its arguments, which are those of `words`. */
export const echoServer = (words: readonly string[]): string => `
import selectors, signal, socket, sys
selector = selectors.DefaultSelector()
def serve(listener):
    peer, _ = listener.accept()
    selector.register(peer, selectors.EVENT_READ, echo)
def echo(peer):
    try: data = peer.recv(65536)
    except OSError: data = b''
    if data:
        peer.sendall(data)
        return
    selector.unregister(peer)
    peer.close()
IP_PKTINFO = 8
def answer(server):
    data, notes, _, peer = server.recvmsg(65536, 1024)
    info = next(value for level, kind, value in notes if kind == IP_PKTINFO)
    server.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, bytes(4) + info[4:8] + bytes(4))], 0, peer)
for argument in sys.argv[1:]:
    protocol, address, port = argument.split(':')
${words.some((word) => word.startsWith('sctp:')) ? AND_SCTP : TCP_AND_UDP}
    if protocol == 'tcp': server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else: server.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    try: server.bind((address, int(port)))
    except OSError as error:
        print(argument, error, file=sys.stderr)
        continue
    if protocol == 'tcp': server.listen(64)
    selector.register(server, selectors.EVENT_READ, serve if protocol == 'tcp' else answer)
print('listening', flush=True)
while True:
    for key, _ in selector.select(): key.data(key.fileobj)
`;

/** Arguments of the server. */
export const listenWords = (listeners: readonly ListenerState[]): string[] =>
  listeners.map(({ protocol, address, port }) => `${protocol}:${formatIpv4(address)}:${port}`);
