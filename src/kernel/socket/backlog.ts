/** sk_backlog (net/core/sock.c): what comes for a socket while a system call has it. */

export class Backlog<Packet> {
  #held: Packet[] | undefined = undefined;

  /** sk_add_backlog(): whether the packet was put aside. */
  holds(packet: Packet): boolean {
    if (this.#held === undefined) return false;
    this.#held.push(packet);
    return true;
  }

  /** lock_sock() and release_sock() around `call`: what came in between is looked at afterwards. */
  during(call: () => void, lookAt: (packet: Packet) => void): void {
    const held: Packet[] = [];
    this.#held = held;
    call();
    this.#held = undefined;
    for (const packet of held) lookAt(packet);
  }
}
