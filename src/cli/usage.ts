/** Help. */

const TEXT = `podwire: what happens to this packet?

  podwire trace -f PATH... FROM TO[:PORT] [--proto tcp|udp|icmp] [-o text|json|pcapng|minimal] [--seed N]
      sends a connection and prints its way, hop by hop
  podwire what-if -f PATH... [--change FILE]... [--delete KIND/NAMESPACE/NAME]... FROM TO[:PORT] [FROM TO]...
      sends each flow before and after the change and says which come out otherwise, and what decided them;
      with --among, from each name to each other [--port N] [--proto tcp|udp|icmp] [-o text|json] [--seed N]
  podwire exec -f PATH... HOST -- COMMAND...
      runs a tool on a host or in a pod: ip, bridge, iptables-save, ipset, conntrack, sysctl, ping,
      traceroute, nc, cat
  podwire export netns -f PATH... [HOST...] [--prefix pw]
      prints a script that rebuilds the hosts, all or those named, as network namespaces of a Linux machine
  podwire serve [-f PATH]... [-f NAME=PATH]... [--listen 127.0.0.1:7741] [--token-file PATH] [--origin URL]...
      answers over HTTP: an API under /api/v1, its reference at /api/v1/reference

  PATH       files or folders of YAML or JSON; - is standard input
  FROM, TO   pod/NAMESPACE/NAME, node/NAME, host/NAME or an IPv4 address; TO also svc/NAMESPACE/NAME,
             lb/NAMESPACE/NAME or a DNS name

Exit status of trace: 0 delivered and answered, 1 not, 2 bad input; of what-if: 0 nothing changes, 1 some flow does.
`;

export function usage(command: string): number {
  if (command === '' || command === 'help' || command === '--help' || command === '-h') {
    console.log(TEXT);
    return command === '' ? 2 : 0;
  }
  console.error(`podwire: unknown command "${command}"\n\n${TEXT}`);
  return 2;
}
