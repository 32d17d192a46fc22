# Sharing a video
share = 分享
share-link = 链接
share-copy = 复制
share-start = 从此处开始
share-at = 从 { $time } 开始
share-code = 嵌入其他网页的代码
beside = 更多视频
person-feed = RSS 订阅

# The player in other sites' pages
embed-title = 这里没有可以播放的内容
embed-missing = 这个视频不能在其他网页中播放：它是私密的、已删除，或尚未就绪。
