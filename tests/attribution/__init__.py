"""The attribution engine: against the mart's golden credits, published answers, and a naive second implementation."""
