"""The same model served by others: bare Starlette, a plain BentoML API, MLflow.

Each reads a row of named features, asks LightGBM and answers the probability: no
checks, no drivers, no words, no rules. BENCH_MODEL names a LightGBM text file.
"""

import json
import os

import lightgbm as lgb
import numpy as np

BOOSTER = lgb.Booster(model_file=os.environ["BENCH_MODEL"])
NAMES = json.loads(os.environ["BENCH_NAMES"])
AT = {name: i for i, name in enumerate(NAMES)}


def predicted(rows):
    X = np.full((len(rows), len(NAMES)), np.nan)
    for i, row in enumerate(rows):
        for name, value in row["features"].items():
            X[i, AT[name]] = np.nan if value is None else value
    p = BOOSTER.predict(X[:, : BOOSTER.num_feature()], num_threads=1)
    return [
        {"account_id": row["account_id"], "churn_probability": float(v)}
        for row, v in zip(rows, p, strict=True)
    ]


def bare():
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def score(request):
        body = json.loads(await request.body())
        return JSONResponse({"scores": predicted(body["rows"])})

    async def ready(_):
        return JSONResponse({"status": "ready"})

    return Starlette(
        routes=[
            Route("/v1/score/features", score, methods=["POST"]),
            Route("/readyz", ready),
        ]
    )


if os.environ.get("BENCH_PEER") == "bentoml":
    import bentoml

    @bentoml.service(name="plain", http={"port": int(os.environ["BENCH_PORT"])})
    class Plain:
        @bentoml.api(route="/v1/score/features")
        def score(self, as_of: str, rows: list[dict]) -> dict:
            del as_of
            return {"scores": predicted(rows)}
