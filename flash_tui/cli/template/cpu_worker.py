"""A queue endpoint: jobs wait in line until a worker is free. For work that takes its time.

    flash-tui call cpu_worker '{"text": "Save the file. It is live."}'
"""

from runpod_flash import Endpoint

from words import summarize


@Endpoint(name="cpu_worker", cpu="cpu3c-1-2", workers=(0, 2))
async def analyze(text: str = "", longest: int = 3) -> dict:
    """The keys of a job's input arrive as arguments; what is returned is the job's output."""
    print(f"analyzing {len(text)} characters")  # what workers print is in the logs: flash-tui logs
    return summarize(text, longest)


# The same function on a GPU: one line changes, and packages are named where they are needed.
# Here it still runs on your CPU; in the cloud it gets the card.
#
#     from runpod_flash import Endpoint, GpuGroup
#
#     @Endpoint(name="gpu_worker", gpu=GpuGroup.ADA_24, workers=(0, 1), dependencies=["transformers"])
#     async def analyze_deeply(text: str) -> dict:
#         from transformers import pipeline  # imported where it is used, so that other endpoints start without it
#
#         return pipeline("sentiment-analysis")(text)[0]
