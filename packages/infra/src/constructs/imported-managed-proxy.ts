import type { Connections } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { ManagedProxyBase, type ManagedProxyAttributes } from './managed-proxy-base.ts';

/** A proxy that was created elsewhere. */
export class ImportedManagedProxy extends ManagedProxyBase {
  readonly dbProxyName: string;
  readonly dbProxyArn: string;
  readonly endpoint: string;
  readonly connections: Connections;

  constructor(scope: Construct, id: string, attributes: ManagedProxyAttributes) {
    super(scope, id);
    this.dbProxyName = attributes.dbProxyName;
    this.dbProxyArn = attributes.dbProxyArn;
    this.endpoint = attributes.endpoint;
    this.connections = attributes.connections;
  }
}
