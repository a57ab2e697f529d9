"""General architectures, torch and Keras side by side: the same layers, initialisation and number of parameters.

Weights begin Glorot-uniform, biases at 0. Models give logits; what turns them into predictions is the config's `output`.
"""
