import { found } from '../../resolve/facts.ts';
import { failed, passed, skipped, type Check } from '../check.ts';

export const account: Check = {
  code: 'PF01',
  title: 'account',
  looks: 'sts:GetCallerIdentity',
  why: 'With another account’s credentials nothing is found, or worse, something else with the same name.',
  run: ({ inputs, facts }) => {
    const caller = found(facts.caller);
    if (caller === undefined) {
      return skipped('the caller is not known');
    }
    return caller.account === inputs.aws_account_id
      ? passed(`${caller.arn} in account ${caller.account}, region ${inputs.aws_region}`)
      : failed(
          `the credentials belong to account ${caller.account} (${caller.arn}), aws_account_id is ${inputs.aws_account_id}`,
          `use credentials of ${inputs.aws_account_id}, for example another AWS_PROFILE, or correct aws_account_id`,
        );
  },
};

export const callerRights: Check = {
  code: 'PF20',
  title: 'permissions of the caller',
  looks: 'iam:SimulatePrincipalPolicy',
  why: 'CloudFormation uses the caller’s permissions; a missing one shows only halfway through.',
  run: ({ inputs, facts }) => {
    if (!('found' in facts.callerRights)) {
      return skipped(`unknown: ${facts.callerRights.detail}`);
    }
    const denied = Object.entries(facts.callerRights.found).filter(
      ([, decision]) => decision !== 'allowed',
    );
    const count = Object.keys(facts.callerRights.found).length;
    if (count === 0) {
      return skipped('nothing was simulated');
    }
    const who = inputs.CloudFormationRoleArn ?? 'the caller';
    return denied.length === 0
      ? passed(`${who} has all ${count} permissions that this apply needs`)
      : failed(
          denied.map(([wish, decision]) => `${wish}: ${decision}`).join('; '),
          'let the caller’s policy allow these actions (docs/infrastructure.md lists all of them)',
        );
  },
};
