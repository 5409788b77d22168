import { spawn } from 'node:child_process';

/** How a program ended, and all it printed. */
export interface Ending {
  readonly ok: boolean;
  readonly printed: string;
}

/** Process groups of what is running. */
const groups = new Set<number>();

process.on('exit', () => groups.forEach(kill));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

/**
 * Runs a program to its end. After `timeoutMs` it is killed with all that it has started: a test that never ends keeps a
 * worker of Vitest's busy for ever, without the one that started it.
 */
export function attempt(command: string, args: readonly string[], cwd: string, timeoutMs: number): Promise<Ending> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: '1' };
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const { pid } = child;
    if (pid !== undefined) groups.add(pid);
    let printed = '';
    let how = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (printed += text));
    }
    const timer = setTimeout(() => {
      how = `not done after ${timeoutMs / 1000} s`;
      if (pid !== undefined) kill(pid);
    }, timeoutMs);

    const end = (ok: boolean): void => {
      clearTimeout(timer);
      if (pid !== undefined) groups.delete(pid);
      resolve({ ok, printed: ok ? printed : `${printed}\n${command} ${args.join(' ')}: ${how}` });
    };
    child.once('error', (error) => {
      how = error.message;
      end(false);
    });
    child.once('close', (code, signal) => {
      how ||= signal ?? `exit code ${code}`;
      end(code === 0);
    });
  });
}

/** Runs a program that must end well, and returns what it printed; else rejects with that. */
export async function run(command: string, args: readonly string[], cwd: string, timeoutMs: number): Promise<string> {
  const { ok, printed } = await attempt(command, args, cwd, timeoutMs);
  if (!ok) throw new Error(printed);
  return printed;
}

function kill(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
