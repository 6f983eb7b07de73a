import type { IIoHost, StackActivity } from '@aws-cdk/toolkit-lib';
import { isRecord } from '../values.ts';

type Message = Parameters<IIoHost['notify']>[0];
type Question = Parameters<IIoHost['requestResponse']>[0];

/** What CloudFormation did to one resource, or to the stack itself. */
export interface StackEvent {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

/**
 * Receives the messages of CDK's toolkit: passes events of the stack on, and answers questions with yes. plan and
 * destroy have asked the user before.
 */
export class ToolkitHost implements IIoHost {
  readonly #onEvent: (event: StackEvent) => void;
  /** The errors and warnings of the toolkit, in case it throws without a reason. */
  readonly complaints: string[] = [];

  constructor(onEvent: (event: StackEvent) => void) {
    this.#onEvent = onEvent;
  }

  notify(message: Message): Promise<void> {
    // CDK_TOOLKIT_I5502: one event of the stack. The message registry of toolkit-lib lists the codes.
    if (message.code === 'CDK_TOOLKIT_I5502' && isActivity(message.data)) {
      const { event } = message.data;
      this.#onEvent({
        id: event.LogicalResourceId ?? '',
        type: event.ResourceType ?? '',
        status: event.ResourceStatus ?? '',
        ...(event.ResourceStatusReason === undefined ? {} : { reason: event.ResourceStatusReason }),
      });
    } else if (message.level === 'error' || message.level === 'warn') {
      this.complaints.push(message.message);
    }
    return Promise.resolve();
  }

  async requestResponse<T>(question: Question & { readonly defaultResponse: T }): Promise<T> {
    return Promise.resolve(question.defaultResponse);
  }
}

function isActivity(data: unknown): data is StackActivity {
  return isRecord(data) && isRecord(data['event']);
}
