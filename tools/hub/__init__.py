"""The Hugging Face Hub: publishing a dataset folder, whole or not at all."""
