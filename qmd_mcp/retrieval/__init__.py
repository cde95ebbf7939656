"""From a query to ranked passages.

`search_service.SearchService` is the entrance, `query_pipeline` lists the stages of `query`, and `search_protocols`
says what retrieval needs of the index, the models and the files.
"""
