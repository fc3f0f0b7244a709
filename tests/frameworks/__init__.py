"""Frameworks of agents, as instrumentors of OpenInference and OpenLLMetry describe what is made with them."""
