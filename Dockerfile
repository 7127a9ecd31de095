# One image for every process of ours (`worker`, `analytics`, `gateway`, `define`, ...). The servers are real ones beside it, so
# it carries neither Java nor jars: the locked dependencies without the group `embedded`.
FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.8
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-default-groups --no-install-project
COPY . .
# The page that people use, by a Node from PyPI; the package carries it.
RUN .venv/bin/python -m deploy.page
RUN uv sync --locked --no-default-groups --no-editable

FROM python:3.11-slim-bookworm
# Looks at the signatures of SAML assertions.
RUN apt-get update && apt-get install -y --no-install-recommends xmlsec1 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home auterity \
    && install -d -o auterity -g auterity -m 700 /var/lib/auterity
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH AUTERITY_DATA_DIR=/var/lib/auterity PYTHONUNBUFFERED=1
USER auterity
WORKDIR /home/auterity
# Compiles what reads batches, into the user's cache; a machine with another processor does it once more by itself.
RUN python -c "import schemas.digests"
VOLUME /var/lib/auterity
# Worker, analytics and gateway keep a file there from the moment they are ready until they are told to stop.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ls "$AUTERITY_DATA_DIR"/run/*.ready >/dev/null 2>&1
ENTRYPOINT ["auterity"]
CMD ["--help"]
