# Sharing a video
share = Share
share-link = Link
share-copy = Copy
share-start = Start at this place
share-at = Start at { $time }
share-code = Embed code
beside = More videos
person-feed = RSS

# The player in other sites' pages
embed-title = Nothing to show here
embed-missing = This video cannot be shown in other pages: it is private, deleted, or not ready yet.
