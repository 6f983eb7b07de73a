import { Appender } from '../io/appender.ts';
import { closeTimeout, closeWithin } from '../io/close-within.ts';
import { caught } from '../io/guard.ts';
import { QuietHandler } from '../io/quiet-handler.ts';
import type { Transport } from '../io/transport.ts';
import { parseRequest } from './http-request.ts';
import type { HttpRequest } from './http-request.ts';
import { buildResponse, textResponse } from './http-response.ts';
import type { HttpResponse } from './http-response.ts';

/** The maximum size of the head of a request, in bytes. */
const longestHead = 16 * 1024;

/** What is known of the client of a connection. */
export interface HttpPeer {
  /** It is on this machine. */
  readonly isLocal: boolean;
  /** It has a valid client certificate. */
  readonly isAuthorized: boolean;
}

/** Answers a request that came from this peer. */
export type Answer = (request: HttpRequest, peer: HttpPeer) => Promise<HttpResponse>;

const headEnd = Buffer.from('\r\n\r\n');

/** One connection to the admin port, with one request. */
export class HttpConnection extends QuietHandler {
  readonly #transport: Transport;
  readonly #peer: HttpPeer;
  readonly #answer: Answer;
  readonly #appender = new Appender();
  #received: Buffer = Buffer.alloc(0);
  #isComplete = false;

  constructor(transport: Transport, peer: HttpPeer, answer: Answer) {
    super();
    this.#transport = transport;
    this.#peer = peer;
    this.#answer = answer;
    transport.handler = this;
    transport.resume();
  }

  /** The request has not arrived completely. */
  get isReading(): boolean {
    return !this.#isComplete;
  }

  override onData(chunk: Buffer): void {
    if (this.#isComplete) return;
    const before = this.#received.length;
    this.#received = before === 0 ? chunk : this.#appender.append(this.#received, chunk);
    const end = this.#received.indexOf(headEnd, Math.max(0, before - headEnd.length + 1));
    if (end >= 0 && end <= longestHead) this.#begin(this.#received.toString('latin1', 0, end));
    else if (end >= 0 || this.#received.length > longestHead)
      this.#respond(textResponse(431, 'the headers are too long'), true);
  }

  override broken(error: unknown): void {
    super.broken(error);
    this.#transport.destroy();
  }

  #begin(head: string): void {
    const request = parseRequest(head);
    if (request === null) {
      this.#respond(textResponse(400, 'the request is invalid'), true);
      return;
    }
    this.#isComplete = true;
    void this.#respondTo(request);
  }

  async #respondTo(request: HttpRequest): Promise<void> {
    let response: HttpResponse;
    try {
      response = await this.#answer(request, this.#peer);
    } catch (error) {
      caught('a request to the admin port', error);
      response = textResponse(500, 'internal error in the proxy');
    }
    this.#respond(response, request.method !== 'HEAD');
  }

  #respond(response: HttpResponse, withBody: boolean): void {
    this.#isComplete = true;
    this.#received = Buffer.alloc(0);
    this.#transport.end(buildResponse(response, withBody));
    closeWithin(this.#transport, closeTimeout);
  }
}
