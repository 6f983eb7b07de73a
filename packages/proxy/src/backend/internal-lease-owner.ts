import type { ConnectionLoss, LeaseOwner } from './lease-owner.ts';
import type { ServerConnection } from './server-connection.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/**
 * The owner of a lease on which only internal queries run. No cycle of a client runs there, so nothing is forwarded,
 * and there is nothing to retry.
 */
export abstract class InternalLeaseOwner implements LeaseOwner<ServerConnection> {
  readonly blocked = false;
  readonly awaitsAnswers = false;
  readonly survivesLoss = false;
  readonly meaningUncertain = false;

  abstract connectionLost(loss: ConnectionLoss): void;

  readsUnder(): ReadUnder {
    return readUnderAny;
  }

  relay(): void {
    // The internal query takes its reply.
  }

  flushReplies(): void {
    // Nothing was forwarded.
  }

  cycleEnded(): void {
    // No cycle of a client has run.
  }

  syncsIgnored(): void {
    // No COPY runs.
  }

  tryRelease(): boolean {
    return true;
  }

  leaseEnded(): void {
    // The owner has no state on the connection.
  }

  planOutdated(): boolean {
    return false;
  }

  assumptionContradicted(): boolean {
    return false;
  }

  translate(text: string): string {
    return text;
  }

  canSendAgain(): boolean {
    return false;
  }

  sendAgain(): void {
    // Never called, because of `canSendAgain`.
  }

  replayed(): void {
    // No parameters are set before the first request.
  }

  replayRefused(): void {
    // No parameters are set before the first request.
  }

  resume(): void {
    // No request waits.
  }

  parameterReported(): void {
    // The connection stores what the database reports.
  }

  parametersReported(): void {
    // The connection stores what the database reports.
  }

  notified(_chunk: Buffer, _at: number, _end: number): boolean {
    return false;
  }
}
