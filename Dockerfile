# syntax=docker/dockerfile:1
# The operator alone in an empty image: one static binary and the certificates of public authorities.
#   docker build --tag registry.example.com/classic-lb-operator:0.1.0 .
# For several architectures each is built on its own: docker buildx build --platform linux/amd64,linux/arm64 …

# Alpine's own target links statically against musl, so that no linker flags are needed.
ARG RUST_VERSION=1.95
FROM rust:${RUST_VERSION}-alpine AS build
RUN apk add --no-cache build-base ca-certificates
WORKDIR /src
COPY . .
# The caches outlive the layer, the binary must not stay in them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release --package classic-lb-operator --bin clb-operator \
    && install -m 0755 target/release/clb-operator /clb-operator

FROM scratch
LABEL org.opencontainers.image.title="classic-lb-operator" \
      org.opencontainers.image.description="Kubernetes operator that owns AWS Classic Elastic Load Balancers" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /clb-operator /clb-operator
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# Numeric, so that Kubernetes can tell it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/clb-operator"]
