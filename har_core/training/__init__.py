"""One training loop for every network: it receives a module, and knows neither architectures nor evaluation."""
