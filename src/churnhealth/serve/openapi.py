def openapi():
    return {}
