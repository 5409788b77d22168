// Jaeger v2 is cmd/jaeger of this module; the replacement is that of its own go.mod, which does not reach here.
module decision-trail.test/jaeger

go 1.26

require github.com/jaegertracing/jaeger v1.62.0

replace github.com/Shopify/sarama => github.com/Shopify/sarama v1.33.0
