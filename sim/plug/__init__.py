"""Plug insertion: connectors, scene, scenarios, batched physics, reward, vector and Gymnasium environments."""
