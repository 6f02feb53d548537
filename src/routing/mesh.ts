/**
 * The node-to-node mesh without a text a session: of 5,000 nodes it has 25 million. Sessions of one node are alike but
 * for the neighbour, so confd renders one of them, and the others are made of it when somebody asks.
 */

import type { BgpConfig, IpAddr, Peering, SpeakerMesh } from '../bird/index.js';
import {
  type ConfdCluster,
  isInMesh,
  meshAsNumber,
  meshSessionName,
  type NodeConfig,
  type NodeTexts,
  waitsFor,
} from '../calico/confd/index.js';
import { addressOf, ipv4Of } from '../calico/index.js';
import type { Ipv4Addr } from '../packet/index.js';

interface Member {
  readonly texts: NodeTexts;
  /** As files have it. */
  readonly text: string;
  readonly address: Ipv4Addr;
  readonly session: string;
}

/** The part of a mesh that is written, and the part that is not. */
export interface MeshParts {
  /** Sessions that confd renders: those unlike the others, and one that stands for all that are alike. */
  readonly rendered: readonly NodeTexts[];
  /** The session that stands for the others, by name; undefined where all are rendered. */
  readonly like: string | undefined;
}

export class Mesh {
  readonly #cluster: ConfdCluster;
  /** By the name of the session, as bird.cfg lists them. */
  readonly #members: readonly Member[];
  readonly #byAddress: ReadonlyMap<IpAddr, Member>;
  /** Those that may be unlike others: of an AS or a port of their own. */
  readonly #special: readonly Member[];

  constructor(cluster: ConfdCluster) {
    this.#cluster = cluster;
    this.#members = cluster.nodes
      .filter((node) => isInMesh(cluster, node))
      .flatMap((texts): Member[] => {
        const { ipv4Address } = texts.node;
        if (ipv4Address === undefined) return [];
        const text = texts.address[4];
        return [{ texts, text, address: ipv4Of(addressOf(ipv4Address)), session: meshSessionName(text) }];
      })
      .sort((a, b) => (a.session < b.session ? -1 : 1));
    this.#byAddress = new Map(this.#members.map((member) => [member.address, member]));
    this.#special = this.#members.filter(
      ({ texts }) =>
        texts.node.asNumber !== undefined || cluster.listenPort(texts.name) !== cluster.configuration?.listenPort,
    );
  }

  /** Whether a node's session with another is like most of its sessions. */
  #isPlain(config: NodeConfig, { texts }: Member): boolean {
    return (
      meshAsNumber(config, texts) === config.asNumber &&
      this.#cluster.listenPort(texts.name) === this.#cluster.configuration?.listenPort
    );
  }

  partsOf(config: NodeConfig): MeshParts {
    if (config.address === '' || !isInMesh(this.#cluster, config.self)) return { rendered: [], like: undefined };
    const isOther = ({ text }: Member): boolean => text !== config.address;
    const plain = this.#members.find((member) => isOther(member) && this.#isPlain(config, member));
    const special = this.#special.filter((member) => isOther(member) && !this.#isPlain(config, member));
    return {
      rendered: [...(plain === undefined ? [] : [plain]), ...special].map(({ texts }) => texts),
      like: plain?.session,
    };
  }

  /** The sessions of a node that are not rendered. */
  sessionsOf(config: NodeConfig, like: BgpConfig): SpeakerMesh {
    const make = ({ text, address, session }: Member): Peering => ({
      name: session,
      remoteAddress: address,
      passive: waitsFor(config.address, text),
      config: like,
    });
    const isOurs = (member: Member): boolean => member.text !== config.address && this.#isPlain(config, member);
    const members = this.#members;
    return {
      like,
      *sessions() {
        for (const member of members) if (isOurs(member)) yield make(member);
      },
      to: (remote) => {
        const member = this.#byAddress.get(remote);
        return member !== undefined && isOurs(member) ? make(member) : undefined;
      },
    };
  }
}
