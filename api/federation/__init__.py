"""What others say of who somebody is: an OpenID provider of people, a platform of the jobs it runs."""
