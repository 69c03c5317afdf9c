"""One training loop for all networks. It receives a module, and knows neither architectures nor evaluation."""
