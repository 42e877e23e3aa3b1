import type { ClientTransport } from './client-transport.ts';
import type { Life } from './history/lives.ts';
import type { Host } from './host.ts';
import type { RunningNode } from './invariants/invariant.ts';
import type { MessagingNode, MessagingNodeView, Transport, TransportHandler } from './ports.ts';
import type { Random } from './random.ts';
import { VirtualDisk } from './virtual-disk.ts';
import { type ClockError, VirtualProcess } from './virtual-process.ts';
import type { World } from './world.ts';

/** Clocks of machines gain or lose up to this much. */
const MAX_DRIFT = 2e-4;
/** A node that has not come to its end by then is killed. */
const STOP_GRACE_MS = 3000;

/** One machine with a node on it, over all the lives of the node. */
export class SimNode {
  readonly id: string;
  readonly host: Host;
  readonly disk = new VirtualDisk();
  readonly clockError: ClockError;
  readonly #world: World;
  readonly #random: Random;
  #run: Run | null = null;
  readonly #transports = new Set<ClientTransport>();

  constructor(world: World, host: Host) {
    this.#world = world;
    this.id = host.peerId;
    this.host = host;
    this.#random = world.random.fork(this.id);
    this.clockError = {
      skewMs: this.#random.between(-500, 500),
      rate: 1 + this.#random.between(-MAX_DRIFT, MAX_DRIFT),
    };
  }

  /** null: it does not run. */
  get running(): Run | null {
    return this.#run;
  }

  start(): void {
    if (this.#run !== null) return;
    const world = this.#world;
    const random = this.#random.fork(`life ${world.history.lives.of(this.id).length}`);
    const fault = (error: unknown): void => world.fault(this.id, error);
    const process = new VirtualProcess(this.id, world.time, random.fork('process'), this.clockError, fault);
    this.host.run(process);
    const incarnation = world.plant.incarnation(this.disk, process.clock.wallMs());
    const life = world.history.lives.started(this.id, incarnation);
    world.trace.note(this.id, `starts as ${incarnation}`);
    let run: Run | null = null;
    const node = world.createNode({
      clock: process.clock,
      random: random.fork('node').fraction,
      entropy: (count) => random.bytes(count),
      network: world.network.networkOf(this.host),
      incarnation,
      ...world.settingsFor(this, process),
      realmOf: (username) => username ?? 'default',
      onLog: (line) => world.log(this.id, line),
      watcher: {
        onMember: (nodeId, memberIncarnation, state) => {
          world.trace.note(this.id, `${nodeId} (${memberIncarnation}) is ${state}`);
          world.checker.memberChanged(run!, nodeId, memberIncarnation, state);
        },
      },
      plant: world.plant.node,
    });
    run = new Run(life, process, node);
    this.#run = run;
    process.input(() => node.start());
  }

  /** A client's connection is made. */
  opened(transport: ClientTransport): void {
    this.#transports.add(transport);
  }

  closed(transport: ClientTransport): void {
    this.#transports.delete(transport);
  }

  /** @param silently with its machine: nobody is told */
  crash(silently: boolean): void {
    if (this.#run === null) return;
    this.#world.trace.note(this.id, silently ? 'loses power' : 'is killed');
    this.host.crash(silently);
    this.#end();
  }

  /** Leaves the cluster, then ends. */
  leave(): void {
    const run = this.#run;
    if (run === null || run.suspended) return;
    this.#world.trace.note(this.id, 'is asked to stop');
    const ended = (): void => {
      if (this.#run === run) this.crash(false);
    };
    run.process.input(() => {
      run.node.stop().then(
        () => this.#world.time.after(0, ended),
        (error) => this.#world.fault(this.id, error),
      );
    });
    this.#world.time.after(STOP_GRACE_MS, ended);
  }

  suspend(): void {
    this.#world.trace.note(this.id, 'is stopped');
    this.#run?.process.suspend();
  }

  resume(): void {
    this.#world.trace.note(this.id, 'goes on');
    this.#run?.process.resume();
  }

  #end(): void {
    this.#world.history.lives.ended(this.#run!.life);
    this.#run = null;
    this.#world.ended(this);
    for (const transport of [...this.#transports]) transport.lost();
    this.#transports.clear();
  }
}

/** One life of a node, from inside. */
export class Run implements RunningNode {
  readonly life: Life;
  readonly process: VirtualProcess;
  readonly node: MessagingNode;

  constructor(life: Life, process: VirtualProcess, node: MessagingNode) {
    this.life = life;
    this.process = process;
    this.node = node;
  }

  get view(): MessagingNodeView {
    return this.node.view;
  }

  get suspended(): boolean {
    return this.process.state === 'stopped';
  }

  readonly accept = (transport: Transport): TransportHandler | null => this.node.accept(transport);
}
