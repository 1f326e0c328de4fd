// A loop over the Lambda Runtime API. AWS's own client (aws-lambda-ric) needs a compiler and cmake to install; this one does
// less than that does for each invocation.
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { Context } from 'aws-lambda';

type Answer = { headers: IncomingHttpHeaders; body: string };

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

const call = (method: string, path: string, body?: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(`${base}/${path}`, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });

const context = (headers: IncomingHttpHeaders): Context => {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const ignored = () => undefined;
  return {
    awsRequestId: String(headers['lambda-runtime-aws-request-id']),
    invokedFunctionArn: String(headers['lambda-runtime-invoked-function-arn'] ?? ''),
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME ?? '',
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION ?? '$LATEST',
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? '128',
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME ?? '',
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME ?? '',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => deadline - Date.now(),
    done: ignored,
    fail: ignored,
    succeed: ignored,
  };
};

/** Runs the handler on every invocation until the process is ended. */
export const serve = async <Event>(handler: (event: Event, context: Context) => Promise<unknown>): Promise<never> => {
  for (;;) {
    const { headers, body } = await call('GET', 'next');
    const id = String(headers['lambda-runtime-aws-request-id']);
    try {
      const answer = await handler(JSON.parse(body), context(headers));
      await call('POST', `${id}/response`, JSON.stringify(answer ?? null));
    } catch (error) {
      const told = error instanceof Error ? error : new Error(String(error));
      await call('POST', `${id}/error`, JSON.stringify({ errorType: told.name, errorMessage: told.message }));
    }
  }
};
