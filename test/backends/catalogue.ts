/** The servers that Decision Trail is tested against: which they are, and where each may come from. */

export type BackendName = 'collector' | 'jaeger' | 'loki';

export interface Backend {
  readonly name: BackendName;
  /** Environment variable with the path of a binary; set, it is the only place looked in. */
  readonly variable: string;
  /** What a package manager calls the binary. */
  readonly commands: readonly string[];
  /** Arguments that make the binary tell about itself, and what it must say to be of use. */
  readonly probe: { readonly args: readonly string[]; readonly says: readonly RegExp[] };
  /** The official image, as in `collector-config/compose.yaml`, and the binary inside. */
  readonly image: { readonly repository: string; readonly version: string; readonly path: string };
  /** What a build from source starts from; a change of it makes the cached binary stale. */
  readonly source: { readonly manifest: URL; readonly version: string; readonly target: string };
}

export const BACKENDS: Readonly<Record<BackendName, Backend>> = {
  collector: {
    name: 'collector',
    variable: 'DECISION_TRAIL_COLLECTOR',
    commands: ['otelcol-contrib', 'otelcol'],
    // Distributions differ in their components, and versions in the components' names.
    probe: {
      args: ['components'],
      says: [
        /name: otlp\b/,
        /name: otlp_http\b/,
        /name: memory_limiter\b/,
        /name: file_storage\b/,
        /name: health_check\b/,
      ],
    },
    image: { repository: 'otel/opentelemetry-collector-contrib', version: '0.160.0', path: '/otelcol-contrib' },
    source: {
      manifest: new URL('../../collector-config/builder.yaml', import.meta.url),
      version: '0.160.0',
      target: 'go.opentelemetry.io/collector/cmd/builder@v0.160.0',
    },
  },
  jaeger: {
    name: 'jaeger',
    variable: 'DECISION_TRAIL_JAEGER',
    commands: ['jaeger'],
    probe: { args: ['components'], says: [/name: jaeger_storage\b/, /name: jaeger_query\b/, /name: healthcheckv2\b/] },
    image: { repository: 'jaegertracing/jaeger', version: '2.13.0', path: '/cmd/jaeger/jaeger-linux' },
    source: {
      manifest: new URL('./modules/jaeger.go.mod', import.meta.url),
      version: '1.62.0',
      target: 'github.com/jaegertracing/jaeger/cmd/jaeger',
    },
  },
  loki: {
    name: 'loki',
    variable: 'DECISION_TRAIL_LOKI',
    commands: ['loki'],
    // Other programs are called loki, too.
    probe: { args: ['-version'], says: [/^loki, version/] },
    image: { repository: 'grafana/loki', version: '3.7.8', path: '/usr/bin/loki' },
    source: {
      manifest: new URL('./modules/loki.go.mod', import.meta.url),
      version: '3.7.8',
      target: 'github.com/grafana/loki/v3/cmd/loki',
    },
  },
};

export const BACKEND_NAMES: readonly BackendName[] = ['collector', 'jaeger', 'loki'];
