/** The 400 for a body that does not fit: Auth0's validator speaks in the phrases of z-schema. */
import { z } from 'zod';
import { managementError, type Answer } from './answers.ts';

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function lengthOf(value: unknown): number {
  return typeof value === 'string' || Array.isArray(value) ? value.length : 0;
}

function complaint(issue: z.core.$ZodIssue): string {
  const { input } = issue;
  switch (issue.code) {
    case 'invalid_type': {
      const expected = issue.expected === 'record' ? 'object' : issue.expected;
      return `Expected type ${expected} but found type ${typeOf(input)}`;
    }
    case 'invalid_format':
      return issue.format === 'regex'
        ? `String does not match pattern ${issue.pattern}: ${String(input)}`
        : `Object didn't pass validation for format ${issue.format}: ${String(input)}`;
    case 'too_small':
      return issue.origin === 'array'
        ? `Array is too short (${lengthOf(input)}), minimum ${issue.minimum}`
        : `String is too short (${lengthOf(input)} chars), minimum ${issue.minimum}`;
    case 'too_big':
      return `String is too long (${lengthOf(input)} chars), maximum ${issue.maximum}`;
    default:
      return issue.message;
  }
}

function describe(schema: z.ZodObject, issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    return `'Additional properties not allowed: ${issue.keys.join(', ')}'`;
  }
  const [field = ''] = issue.path;
  const property = z.toJSONSchema(schema).properties?.[String(field)];
  const about = typeof property === 'object' ? (property.description ?? '') : '';
  return `'${complaint(issue)}' on property ${issue.path.join('.')} (${about})`;
}

export function bodyRefusal(schema: z.ZodObject, body: unknown): Answer | undefined {
  const [issue] = schema.safeParse(body, { reportInput: true }).error?.issues ?? [];
  if (!issue) return undefined;
  const message = `Payload validation error: ${describe(schema, issue)}.`;
  return managementError(400, message, 'invalid_body');
}
