"""
The real kernel's side of the differential test. One process that holds sockets in many network namespaces: it injects
frames and opens sockets as it is told, writes down every frame on every interface, and every rule that matched.

Input: one JSON document on standard input. Output: one JSON document on standard output. Both are described in
record.ts.
"""

import ctypes
import json
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_RX_RING = 5
PACKET_VERSION = 10
TPACKET_V2 = 1
TP_STATUS_USER = 1
TP_STATUS_LOSING = 4
TP_STATUS_VLAN_VALID = 1 << 4
SO_RCVBUFFORCE = 33
PACKET_OUTGOING = 4

NETLINK_NETFILTER = 12
NFNL_SUBSYS_NFTABLES = 10
NFNLGRP_NFTRACE = 9
NFT_MSG_GETRULE = 7
NFT_MSG_TRACE = 17
NLM_F_REQUEST = 1
NLM_F_DUMP = 0x300
NLMSG_ERROR = 2
NLMSG_DONE = 3
NFPROTO_IPV4 = 2

TRACE_TABLE = 'podwire_trace'
TRACE_RULES = f"""
table ip {TRACE_TABLE} {{
  chain prerouting {{ type filter hook prerouting priority -450; meta nftrace set 1; }}
  chain output {{ type filter hook output priority -450; meta nftrace set 1; }}
}}
"""


def enter(netns):
    """setns(2) into a namespace by its name under /run/netns."""
    with open(f'/run/netns/{netns}') as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f'setns {netns}')


def attributes(data):
    """Netlink attributes, by number."""
    found = {}
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from('=HH', data, at)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return found


def messages(data):
    """Netlink messages: type and payload behind struct nfgenmsg."""
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from('=IH', data, at)
        yield kind, data[at + 16:at + length]
        at += (length + 3) & ~3


def text(data):
    return data.rstrip(b'\0').decode()


VERDICTS = {0: 'drop', 1: 'accept', 2: 'stolen', 3: 'queue', -1: 'continue', -2: 'break', -3: 'jump', -4: 'goto', -5: 'return'}
TRACE_POLICY = 1
TRACE_RETURN = 2
TRACE_RULE = 3


class Tracer:
    """The rules of a namespace that match, one by one."""

    def __init__(self, netns):
        """In the namespace already."""
        self.netns = netns
        subprocess.run(['nft', '-f', '-'], input=TRACE_RULES, text=True, check=True)
        self.positions = {}
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.bind((0, 0))
        self.read_rules()
        self.socket.setsockopt(270, 1, NFNLGRP_NFTRACE)
        self.socket.setblocking(False)

    def read_rules(self):
        """Table and handle → position of every rule of iptables' tables."""
        header = struct.pack('=IHHII', 20, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
        self.socket.send(header + struct.pack('=BBH', NFPROTO_IPV4, 0, 0))
        counts = {}
        while True:
            for kind, payload in messages(self.socket.recv(1 << 20)):
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    code = struct.unpack_from('=i', payload)[0]
                    raise OSError(-code, 'rule dump')
                found = attributes(payload[4:])
                chain = (text(found[1]), text(found[2]))
                counts[chain] = counts.get(chain, 0) + 1
                self.positions[(chain[0], struct.unpack('>Q', found[3])[0])] = counts[chain]

    def read(self):
        """What has matched since the last time: table, chain, position, verdict, where it leads."""
        rows = []
        while True:
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                return rows
            for kind, payload in messages(data):
                if kind != (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_TRACE:
                    continue
                row = self.row(attributes(payload[4:]))
                if row is not None:
                    rows.append(row)

    def row(self, found):
        table, chain = text(found[1]), text(found.get(2, b''))
        if table == TRACE_TABLE:
            return None
        kind = struct.unpack('>I', found[4])[0]
        # Without a rule it is the end of a chain that is told. A rule that returns is of a kind of its own before 6.2.
        if kind in (TRACE_RULE, TRACE_RETURN) and 3 in found:
            verdict = attributes(found[5])
            code = struct.unpack('>i', verdict[1])[0]
            name = VERDICTS.get(code if code < 0 else code & 0xFF, str(code))
            position = self.positions.get((table, struct.unpack('>Q', found[3])[0]), -1)
            return [table, chain, position, name, text(verdict.get(2, b''))]
        if kind == TRACE_POLICY:
            policy = struct.unpack('>I', found[16])[0]
            return [table, chain, 0, VERDICTS.get(policy, str(policy)), '']
        return None


class Capture:
    """
    Every frame of one interface, in order. A ring: the kernel copies a frame into it at once. What an ordinary packet
    socket has in its queue shares its octets with the packet, and changes with it (fragments of a datagram do).
    """

    def __init__(self, index, dev):
        self.index = index
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        self.size, self.count = (131072, 32) if dev == 'lo' else (4096, 1024)
        block = max(self.size, 65536)
        blocks = self.size * self.count // block
        self.socket.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack('=IIII', block, blocks, self.size, self.count))
        self.ring = mmap.mmap(self.socket.fileno(), block * blocks, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self.next = 0
        self.socket.bind((dev, ETH_P_ALL))

    def read(self, frames):
        while True:
            at = self.next * self.size
            status, length, taken, start, _, _, _, tci, tpid = struct.unpack_from('=IIIHHIIHH', self.ring, at)
            if not status & TP_STATUS_USER:
                return
            if status & TP_STATUS_LOSING or taken != length:
                raise RuntimeError('a frame does not fit into the ring')
            data = self.ring[at + start:at + start + taken]
            if status & TP_STATUS_VLAN_VALID:
                data = data[:12] + struct.pack('>HH', tpid or 0x8100, tci) + data[12:]
            kind = self.ring[at + 32 + 10]
            frames.append([self.index, 'out' if kind == PACKET_OUTGOING else 'in', data.hex()])
            struct.pack_into('=I', self.ring, at, 0)
            self.next = (self.next + 1) % self.count


class Referee:
    def __init__(self, job):
        self.job = job
        self.poll = select.epoll()
        self.captures = {}
        self.tracers = []
        self.senders = {}
        self.open = []
        for index, place in enumerate(job['places']):
            enter(place['netns'])
            self.tracers.append(Tracer(place['netns']) if job['trace'] else None)
            for dev in place['devices']:
                capture = Capture(len(self.captures), dev)
                self.captures[capture.socket.fileno()] = capture
                self.poll.register(capture.socket.fileno(), select.EPOLLIN)

    def settle(self, frames, quiet, expected=0):
        """
        Until nothing has been seen for as long as that. A busy machine may keep a server from its processor: where
        more frames are expected, they are waited for a little longer.
        """
        limit = time.monotonic() + 2
        patience = time.monotonic() + 0.5
        while time.monotonic() < limit:
            ready = self.poll.poll(quiet)
            if not ready and (len(frames) >= expected or time.monotonic() > patience):
                return
            for fileno, _ in ready:
                if fileno in self.captures:
                    self.captures[fileno].read(frames)

    def inject(self, order):
        enter(self.job['places'][order['place']]['netns'])
        return getattr(self, order['kind'])(order)

    def frame(self, order):
        key = (order['place'], order['dev'])
        if key not in self.senders:
            sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            sender.bind((order['dev'], 0))
            self.senders[key] = sender
        self.senders[key].send(bytes.fromhex(order['hex']))

    def udp(self, order):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.bind(('0.0.0.0', order['sourcePort']))
        sender.setblocking(False)
        self.open.append(sender)
        sender.connect((order['destination'], order['port']))
        sender.send(bytes.fromhex(order['hex']))

    def ping(self, order):
        with open('/proc/sys/net/ipv4/ping_group_range', 'w') as file:
            file.write('0 2147483647')
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        sender.bind(('0.0.0.0', order['id']))
        sender.setblocking(False)
        self.open.append(sender)
        payload = bytes.fromhex(order['hex'])
        sender.sendto(struct.pack('>BBHHH', 8, 0, 0, order['id'], order['sequence']) + payload, (order['destination'], 0))

    def tcp(self, order, protocol=0):
        """connect, send, receive the echo, close: each when the one before has come to its end."""
        sender = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        sender.bind(('0.0.0.0', order['sourcePort']))
        sender.setblocking(False)
        self.open.append(sender)
        outcome = sender.connect_ex((order['destination'], order['port']))
        if outcome not in (0, 115):
            raise OSError(outcome, os.strerror(outcome))
        return sender

    def sctp(self, order):
        """The same with an association: a one-to-one socket."""
        return self.tcp(order, socket.IPPROTO_SCTP)

    def wait(self, frames, seconds):
        """Everything that comes in that time."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            for fileno, _ in self.poll.poll(left):
                if fileno in self.captures:
                    self.captures[fileno].read(frames)

    def tcp_rest(self, order, sender, frames):
        quiet = self.job['quietMs'] / 1000
        outcome = sender.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            sender.getpeername()
        except OSError:
            sender.close()
            return os.strerror(outcome) if outcome else 'silence'
        payload = bytes.fromhex(order['hex'])
        if payload:
            sender.send(payload)
            select.select([sender], [], [], 2)
            self.settle(frames, quiet)
            try:
                echoed = sender.recv(70000)
            except OSError:
                echoed = b''
            if echoed != payload:
                sender.close()
                return 'no echo'
        sender.close()
        return 'connected'

    def run(self):
        rounds = []
        before = [self.counters(place) for place in self.job['places']]
        uptime = time.monotonic()
        for order in self.job['orders']:
            frames = []
            quiet = order.get('quietMs', self.job['quietMs']) / 1000
            outcome = ''
            started = time.monotonic()
            try:
                made = self.inject(order)
                if order['kind'] in ('tcp', 'sctp'):
                    self.settle(frames, quiet)
                    self.wait(frames, order.get('waitMs', 0) / 1000)
                    outcome = self.tcp_rest(order, made, frames)
                else:
                    self.wait(frames, order.get('waitMs', 0) / 1000)
            except OSError as error:
                outcome = os.strerror(error.errno)
            # What was refused may have been answered all the same: by REJECT in OUTPUT.
            self.settle(frames, quiet, order['expected'])
            rules = [tracer.read() if tracer else [] for tracer in self.tracers]
            rounds.append({'frames': frames, 'rules': rules, 'outcome': outcome,
                           'tookMs': (time.monotonic() - started) * 1000})
        after = [self.counters(place) for place in self.job['places']]
        for sender in self.open:
            sender.close()
        return {'rounds': rounds, 'states': [self.state(place) for place in self.job['places']], 'uptimeS': uptime,
                **({'counted': [{'before': one, 'after': other} for one, other in zip(before, after)]}
                   if 'counters' in self.job else {})}

    def counters(self, place):
        """What a namespace has counted of its protocols."""
        if 'counters' not in self.job:
            return ''
        enter(place['netns'])
        return subprocess.run(self.job['counters'], capture_output=True, text=True).stdout

    def state(self, place):
        """What the tools print of a namespace when all is over."""
        enter(place['netns'])
        asked = {}
        for name, command in self.job['ask'].items():
            ran = subprocess.run(command, capture_output=True, text=True)
            asked[name] = ran.stdout if ran.returncode == 0 else f'{ran.stdout}{ran.stderr}'
        return asked


def main():
    job = json.load(sys.stdin)
    json.dump(Referee(job).run(), sys.stdout)


main()
