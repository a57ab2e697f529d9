"""General architectures, torch and Keras side by side: the same layers, initialisation and number of parameters.

Weights begin Glorot-uniform, biases at 0. Models give logits; the config's `output` turns them into predictions.
"""
