"""Checks a captured request, `{"secret", "headers", "body"}` on standard input, with the package standardwebhooks."""

import json
import sys

from standardwebhooks import Webhook

captured = json.load(sys.stdin)
Webhook(captured["secret"]).verify(captured["body"].encode(), captured["headers"])
