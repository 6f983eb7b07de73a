import { Duration, Stack } from 'aws-cdk-lib';
import {
  CpuArchitecture,
  FargateTaskDefinition,
  LogDrivers,
  OperatingSystemFamily,
  Secret,
  UlimitName,
} from 'aws-cdk-lib/aws-ecs';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { SluiceServiceProps } from './sluice-service-props.ts';
import { environmentFor, listSettings, ports, stopTimeoutSeconds } from './sluice-settings.ts';

interface SluiceTaskProps extends SluiceServiceProps {
  readonly logGroup: ILogGroup;
  readonly executionRole: Role;
  readonly taskRole: Role;
}

/** Where the entry point writes the files for the daemon; the rest of the file system is read-only. */
const runFolder = '/run/sluice';

/** One task: the daemon, which runs without root on a read-only file system. */
export function sluiceTask(
  scope: Construct,
  id: string,
  props: SluiceTaskProps,
): FargateTaskDefinition {
  const task = new FargateTaskDefinition(scope, id, {
    family: props.serviceName,
    cpu: props.cpu ?? 512,
    memoryLimitMiB: props.memoryLimitMiB ?? 1024,
    runtimePlatform: {
      cpuArchitecture:
        props.cpuArchitecture === 'X86_64' ? CpuArchitecture.X86_64 : CpuArchitecture.ARM64,
      operatingSystemFamily: OperatingSystemFamily.LINUX,
    },
    // The roles have exactly the required permissions; CDK would add inline policies.
    executionRole: props.executionRole.withoutPolicyUpdates(),
    taskRole: props.taskRole.withoutPolicyUpdates(),
    volumes: [{ name: 'run' }],
  });
  const container = task.addContainer('sluice', {
    image: props.image,
    user: '1000',
    // The ECS Exec agent writes into the container.
    readonlyRootFilesystem: props.enableExecuteCommand !== true,
    environment: {
      ...environmentFor(props),
      METRICS_SERVICE: props.serviceName,
      SETTINGS_JSON: Stack.of(scope).toJsonString(listSettings(props)),
    },
    secrets: {
      TLS_CERTIFICATE: Secret.fromSecretsManager(props.tlsSecret, 'certificate'),
      TLS_PRIVATE_KEY: Secret.fromSecretsManager(props.tlsSecret, 'private_key'),
    },
    portMappings: [{ containerPort: ports.clients }, { containerPort: ports.admin }],
    logging: LogDrivers.awsLogs({ logGroup: props.logGroup, streamPrefix: 'sluice' }),
    // Checks only that the process is alive. The load balancer asks /readyz whether to send it clients.
    healthCheck: {
      command: ['CMD', '/usr/local/bin/sluice', 'health'],
      interval: Duration.seconds(30),
      timeout: Duration.seconds(5),
      retries: 3,
      startPeriod: Duration.seconds(30),
    },
    stopTimeout: Duration.seconds(stopTimeoutSeconds),
  });
  // Each client needs two sockets, and the daemon needs a few more.
  container.addUlimits({ name: UlimitName.NOFILE, softLimit: 65_535, hardLimit: 65_535 });
  container.addMountPoints({ containerPath: runFolder, sourceVolume: 'run', readOnly: false });
  return task;
}
