import { didYouMean } from '../../inputs/parse.ts';
import { found, type SecurityGroup } from '../../resolve/facts.ts';
import { madeByStack } from '../../resolve/made.ts';
import { reach } from '../../resolve/reach.ts';
import {
  failed,
  passed,
  skipped,
  warning,
  worst,
  type Check,
  type Subject,
  type Verdict,
} from '../check.ts';

export const group: Check = {
  code: 'PF06',
  title: 'security group',
  looks: 'ec2:DescribeSecurityGroups',
  why: 'With a name that matches no group the proxy would silently get the VPC’s default group.',
  run: ({ inputs, facts }) => {
    const groups = found(facts.namedGroups);
    const name = inputs.rds_security_group_name;
    if (groups === undefined) {
      return skipped('the security groups could not be read');
    }
    const ids = groups.map((entry) => entry.id).join(', ');
    if (inputs.CreateSecurityGroup) {
      return groups.length === 0 || madeByStack(facts, 'AWS::EC2::SecurityGroup', 'GroupName', name)
        ? passed(`${name} is made by this stack`)
        : failed(
            `CreateSecurityGroup is true, and ${inputs.vpc_id} has a group ${name} already (${ids})`,
            'choose another rds_security_group_name, or leave CreateSecurityGroup out to use the group that is there',
          );
    }
    if (groups.length === 0) {
      return failed(
        `${inputs.vpc_id} has no security group named ${name}${didYouMean(name, facts.groupNames)}`,
        'correct rds_security_group_name, or let CreateSecurityGroup = true make it',
      );
    }
    return groups.length === 1
      ? passed(`${name} is ${ids}`)
      : failed(`${name} is the name of ${groups.length} groups: ${ids}`, 'rename all but one');
  },
};

export const paths: Check = {
  code: 'PF07',
  title: 'network path',
  looks: 'ec2:DescribeSecurityGroups',
  why: 'The most common failed apply: “Timed out waiting for target group to become available”, after ten minutes.',
  run: (subject) => {
    const { facts, inputs } = subject;
    const databaseGroups = found(facts.databaseGroups);
    const port = found(facts.database)?.port;
    const range = found(facts.vpc)?.cidrs ?? [];
    if (databaseGroups === undefined || port === undefined) {
      return skipped('the database or its groups are not known');
    }
    if (inputs.CreateSecurityGroup) {
      return made(subject, databaseGroups, port, range);
    }
    const groups = found(facts.namedGroups) ?? [];
    const [own] = groups;
    if (own === undefined || groups.length !== 1) {
      return skipped('the proxy’s security group is not known');
    }
    return worst([
      outward(own, databaseGroups, port, range),
      inward(own, databaseGroups, port, range),
      clients(own),
    ]);
  },
};

function outward(
  own: SecurityGroup,
  databaseGroups: readonly SecurityGroup[],
  port: number,
  cidrs: readonly string[],
): Verdict {
  const ids = databaseGroups.map((entry) => entry.id);
  const far = reach(own.egress, port, { groups: ids, cidrs });
  return judged(
    far,
    `outward from ${own.name} (${own.id}) to port ${port} of the database (${ids.join(', ')})`,
    `add an outbound rule to ${own.id}: TCP ${port} to ${ids[0]}`,
  );
}

function inward(
  own: SecurityGroup,
  databaseGroups: readonly SecurityGroup[],
  port: number,
  cidrs: readonly string[],
): Verdict {
  const rules = databaseGroups.flatMap((entry) => entry.ingress);
  const ids = databaseGroups.map((entry) => entry.id);
  return judged(
    reach(rules, port, { groups: [own.id], cidrs }),
    `into the database (${ids.join(', ')}) on port ${port} from ${own.name} (${own.id})`,
    `add an inbound rule to ${ids[0]}: TCP ${port} from ${own.id}`,
  );
}

/** RDS Proxy always listens on 5432, whatever the database's port. */
function clients(own: SecurityGroup): Verdict {
  const open = own.ingress.filter(
    (rule) => rule.groups.length + rule.cidrs.length + rule.prefixLists.length > 0,
  );
  const peers = open.filter(
    (rule) => reach([rule], 5432, { groups: rule.groups, cidrs: rule.cidrs }) !== 'none',
  );
  return peers.length > 0
    ? passed(`clients: ${own.name} has an inbound rule for port 5432`)
    : failed(
        `no client may reach the proxy: ${own.name} (${own.id}) has no inbound rule for port 5432`,
        `add an inbound rule to ${own.id}: TCP 5432 from the clients’ group`,
      );
}

function made(
  { inputs }: Subject,
  databaseGroups: readonly SecurityGroup[],
  port: number,
  cidrs: readonly string[],
): Verdict {
  const verdicts: Verdict[] = [];
  if (inputs.AllowDatabaseIngress) {
    verdicts.push(passed('a rule for the made group is added to the groups of the database'));
  } else {
    const rules = databaseGroups.flatMap((entry) => entry.ingress);
    verdicts.push(
      judged(
        reach(rules, port, { groups: [], cidrs }),
        `into the database on port ${port} from the group that is made`,
        'set AllowDatabaseIngress = true, so that a rule for the made group is added to the groups of the database',
      ),
    );
  }
  if (inputs.ClientCidrs.length + inputs.ClientSecurityGroupIds.length === 0) {
    verdicts.push(
      failed(
        'no client may reach the proxy: the made group lets nobody in',
        'give ClientSecurityGroupIds or ClientCidrs',
      ),
    );
  }
  return worst(verdicts);
}

function judged(far: ReturnType<typeof reach>, path: string, mend: string): Verdict {
  if (far === 'whole') {
    return passed(`${path} is open`);
  }
  return far === 'part'
    ? warning(
        `${path} is open in part: address ranges or prefix lists that need not cover it`,
        mend,
      )
    : failed(`${path} is closed`, mend);
}
