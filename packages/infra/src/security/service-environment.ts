import type { Template } from '../resolve/template.ts';
import { list, record } from '../values.ts';

/** The daemon's settings in each task definition, as far as the template contains them as text. */
export function environmentOf(
  template: Template,
): { readonly resource: string; readonly values: Readonly<Record<string, string>> }[] {
  return template.ofType('AWS::ECS::TaskDefinition').map(({ id, properties }) => ({
    resource: id,
    values: Object.fromEntries(
      list(properties['ContainerDefinitions'])
        .flatMap((container) => list(record(container)['Environment']))
        .map(record)
        .map((entry) => [String(entry['Name']), String(entry['Value'])]),
    ),
  }));
}
