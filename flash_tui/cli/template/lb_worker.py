"""A load-balanced endpoint: an HTTP API whose routes share their workers. For answers that somebody waits for.

    flash-tui call lb_worker --route 'GET /hello'
    flash-tui call lb_worker --route 'POST /summary' '{"text": "Save the file. It is live."}'
"""

from runpod_flash import Endpoint

from words import greet, summarize

api = Endpoint(name="lb_worker", cpu="cpu3c-1-2", workers=(1, 3))


@api.get("/hello")
async def hello(name: str = "world") -> dict:
    """Arguments of a GET come from the query: /hello?name=you"""
    return {"message": greet(name)}


@api.post("/summary")
async def summary(text: str, longest: int = 3) -> dict:
    """Arguments of a POST come from its JSON body."""
    return summarize(text, longest)
