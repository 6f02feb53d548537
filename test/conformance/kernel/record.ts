/**
 * What a run of a case leaves, in the emulator and in the real kernel alike, and what the referee (referee.py) is told
 * and answers.
 */

/** A namespace that takes part, by what people call it: `node/node1`, `pod/default/client`. */
export interface PlaceSpec {
  readonly name: string;
  /** Devices that are up: where frames are written down. */
  readonly devices: readonly string[];
}

/** What all orders have. */
interface OrderBase {
  /** Who makes the packet: a name. */
  readonly place: string;
  readonly hex: string;
  readonly note: string;
  /**
   * How long is waited when it is made, in milliseconds: repetitions come in that time, limits end. TCP and SCTP wait so long for
   * an answer, and then send.
   */
  readonly waitMs?: number;
}

/** Something that makes a packet. */
export type Order = OrderBase &
  (
    | {
        /** Puts a frame on the wire of a device, as if the namespace had sent it. */
        readonly kind: 'frame';
        readonly dev: string;
      }
    | {
        readonly kind: 'udp';
        readonly sourcePort: number;
        readonly destination: string;
        readonly port: number;
      }
    | {
        readonly kind: 'ping';
        readonly destination: string;
        readonly id: number;
        readonly sequence: number;
      }
    | {
        /** Connects, sends, waits for the echo, closes. */
        readonly kind: 'tcp' | 'sctp';
        readonly sourcePort: number;
        readonly destination: string;
        readonly port: number;
      }
  );

export type ConnectionOrder = Order & { readonly kind: 'tcp' | 'sctp' };

export interface Frame {
  readonly direction: 'in' | 'out';
  readonly hex: string;
}

/** A rule that matched, or a chain's policy (position 0). */
export interface RuleRow {
  readonly table: string;
  readonly chain: string;
  readonly position: number;
  readonly verdict: string;
  /** Chain that a jump or goto leads to. */
  readonly target: string;
}

/** What one order led to. */
export interface Round {
  /** By `PLACE DEVICE`, in order. */
  readonly frames: ReadonlyMap<string, readonly Frame[]>;
  /** By place, in order. */
  readonly rules: ReadonlyMap<string, readonly RuleRow[]>;
  /** What a socket said; `''` for frames. */
  readonly outcome: string;
  /** How long it was until nothing happened any more, in milliseconds of the kernel's own time. */
  readonly tookMs: number;
}

export interface RunRecord {
  readonly rounds: readonly Round[];
  /** By place: what the tools print when all is over. */
  readonly states: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** How long the real machine had been running, in seconds; for ever where it is not told. */
  readonly uptimeS?: number;
  /** Ports and identifiers that NAT has put in the place of others; in the emulator's record only. */
  readonly drawn?: ReadonlySet<number>;
  /** Where NAT's searches for a port began, in order, on all hosts; in the emulator's record only. */
  readonly draws?: readonly number[];
  /** Identifications that hosts gave to packets of their own; in the emulator's record only. */
  readonly drawnIds?: ReadonlySet<number>;
  /** Initial sequence numbers of the connections that orders open; in the emulator's record only. */
  readonly drawnSequences?: ReadonlySet<number>;
  /** Milliseconds of wall time. */
  readonly took: { readonly build: number; readonly run: number };
}

/** The referee's answer. */
export interface RefereeAnswer {
  readonly rounds: readonly {
    /** Number of the capture (devices counted through all places), direction, bytes. */
    readonly frames: readonly (readonly [capture: number, direction: 'in' | 'out', hex: string])[];
    readonly rules: readonly (readonly (readonly [string, string, number, string, string])[])[];
    readonly outcome: string;
    readonly tookMs: number;
  }[];
  readonly states: readonly Readonly<Record<string, string>>[];
  /** What each place had counted of protocols before the first order, and when all was over, where that was asked. */
  readonly counted?: readonly { readonly before: string; readonly after: string }[];
  /** When the first order was run, in seconds. */
  readonly uptimeS: number;
}

/** A case: a cluster, and what happens in it. */
export interface KernelCase {
  readonly name: string;
  /** Documents for the loader, by file name. */
  readonly sources: readonly { readonly file: string; readonly text: string }[];
  readonly orders: readonly Order[];
}

/** What the tools are asked when all is over. */
export const QUESTIONS: Readonly<Record<string, readonly string[]>> = {
  addresses: ['ip', '-4', '-o', 'addr'],
  routes: ['ip', 'route', 'show', 'table', 'all'],
  rules: ['ip', 'rule'],
  neighbours: ['ip', '-4', 'neigh'],
  iptables: ['iptables-save', '-c'],
  ipsets: ['ipset', 'save'],
  conntrack: ['conntrack', '-L'],
};

/** How long a quiet wire is taken to be done, in milliseconds. */
export const QUIET_MS = 4;
/** As long as the referee waits for an echo, in seconds. */
export const ECHO_S = 2;
/** The same where somebody still waits: longer than any timer that `quieten` leaves short. */
export const PATIENT_MS = 45;
