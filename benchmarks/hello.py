"""`python -m benchmarks.hello PORT`: a bare FastAPI that says hello."""

import sys

import uvicorn
from fastapi import FastAPI, Request


def main(port: int) -> None:
    """Serves until SIGTERM, with the loop and the parser that the gateway has."""
    app = FastAPI(openapi_url=None)

    @app.post("/events/{topic}")
    async def hello(topic: str, request: Request) -> dict[str, int | str]:
        return {"topic": topic, "bytes": len(await request.body())}

    uvicorn.run(app, port=port, log_config=None, access_log=False, lifespan="off", loop="uvloop", http="h11")


if __name__ == "__main__":
    main(int(sys.argv[1]))
