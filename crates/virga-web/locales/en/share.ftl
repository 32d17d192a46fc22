# Sharing a video
share = Share
share-link = Link
share-copy = Copy
share-start = Start at current time
share-at = Start at { $time }
share-code = Embed code
beside = More videos
person-feed = RSS

# The player in other sites' pages
embed-title = Video unavailable
embed-missing = This video cannot be shown on other sites: it is private, deleted, or not ready yet.
