"""The Hugging Face Hub: what would be published, and later the publishing itself."""
